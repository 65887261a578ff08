/** Which of a cluster's 16384 slots a key is in (redis.io, "Redis cluster specification", key distribution model). */

export const SLOTS = 16_384;

/** Of what stands between the first `{` and the next `}`, where that is something; else of the whole key. */
export function slotOf(key: string): number {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  return crc16(Buffer.from(close > open + 1 ? key.slice(open + 1, close) : key)) % SLOTS;
}

/** CRC16-CCITT (XModem): polynomial 0x1021, initial value 0; of `123456789` it is 0x31c3. */
function crc16(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++)
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}

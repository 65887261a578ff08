/** CIDR networks, IPv4 and IPv6. */

import { BlockList, isIPv4, isIPv6, SocketAddress } from 'node:net';

interface Network {
  readonly address: string;
  readonly bits: number;
  readonly family: 'ipv4' | 'ipv6';
}

function parse(text: string): Network | undefined {
  const [address = '', length, ...rest] = text.split('/');
  if (rest.length > 0) return undefined;
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : undefined;
  if (family === undefined) return undefined;
  const most = family === 'ipv4' ? 32 : 128;
  if (length !== undefined && !/^[0-9]{1,3}$/.test(length)) return undefined;
  const bits = length === undefined ? most : Number(length);
  if (bits > most) return undefined;
  const plain = unmapped(address);
  return family === 'ipv6' && isIPv4(plain) && bits >= 96
    ? { address: plain, bits: bits - 96, family: 'ipv4' }
    : { address, bits, family };
}

/** `10.0.0.0/8`, `fd00::/8`, or a single address. */
export function isNetwork(text: string): boolean {
  return parse(text) !== undefined;
}

/** Tells whether an address lies in one of the networks; IPv4-mapped IPv6 addresses count as the IPv4 they are. */
export function networkTest(networks: readonly string[]): (address: string) => boolean {
  // One list each: a single one would hold IPv4 addresses against `::/0`, too.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const text of networks) {
    const network = parse(text);
    if (network === undefined) throw new RangeError(`not a network: ${text}`);
    lists[network.family].addSubnet(network.address, network.bits, network.family);
  }
  return (address) => {
    const plain = unmapped(address);
    const family = isIPv4(plain) ? 'ipv4' : 'ipv6';
    return lists[family].check(plain, family);
  };
}

/** However it is written, `::ffff:10.0.0.1` is 10.0.0.1; a zone says nothing about the network. */
function unmapped(address: string): string {
  const bare = address.split('%')[0] ?? address;
  if (isIPv4(bare)) return bare;
  const canonical = new SocketAddress({ address: bare, family: 'ipv6' }).address;
  const mapped = /^::ffff:([0-9.]+)$/.exec(canonical)?.[1];
  return mapped ?? canonical;
}

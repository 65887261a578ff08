/** Whether the certificate that the listener is to show can be used, and for how long. */

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Config } from '../../config/config.ts';
import { systemClock } from '../system-clock.ts';
import { error, type Finding, ok, warning } from './finding.ts';

const DAY = 86_400_000;
/** Whoever renews certificates does it before. */
const SOON = 14 * DAY;

export async function examineCertificate({ server: { tls } }: Config): Promise<readonly Finding[]> {
  if (tls === undefined) return [];
  const { certFile, keyFile } = tls;
  try {
    const [cert, key] = [await readFile(certFile), await readFile(keyFile)];
    createSecureContext({ cert, key });
    const { validToDate } = new X509Certificate(cert);
    const left = validToDate.getTime() - systemClock.wall();
    const until = `${certFile} is valid until ${validToDate.toISOString().slice(0, 10)}`;
    if (left <= 0) return [error(`${until}: it has expired`, 'renew it; it is taken without a restart')];
    if (left < SOON) return [warning(until, 'renew it; it is taken without a restart')];
    return [ok(until)];
  } catch (reason) {
    const why = reason instanceof Error ? reason.message : String(reason);
    return [
      error(`${certFile} and ${keyFile} cannot be used: ${why}`, 'give a certificate and its key as PEM'),
    ];
  }
}

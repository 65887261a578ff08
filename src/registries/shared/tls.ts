/** TLS towards a registry: its options, and files that are read for every connection, since certificates are renewed while sonde runs. */

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { buildConnector } from 'undici';
import { z } from 'zod';
import { filePath } from '../../options/fields.ts';

/** Under `tls:` of every registry that speaks it. */
export const tlsFields = {
  caFile: filePath.optional(),
  certFile: filePath.optional(),
  keyFile: filePath.optional(),
  insecure: z.boolean().default(false).meta({ description: 'Do not verify the certificate' }),
} as const;

interface TlsFiles {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

interface Tls extends TlsFiles {
  readonly insecure: boolean;
  /** What the certificate must be for, where that is not the host of the address. */
  readonly serverName?: string | undefined;
}

interface TlsTexts {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** What stands in the files; rejects with what `read` rejects with. */
export async function tlsTexts(
  { caFile, certFile, keyFile }: TlsFiles,
  read: (file: string) => Promise<string>,
): Promise<TlsTexts> {
  return {
    ...(caFile === undefined ? {} : { ca: await read(caFile) }),
    ...(certFile === undefined ? {} : { cert: await read(certFile) }),
    ...(keyFile === undefined ? {} : { key: await read(keyFile) }),
  };
}

/** Connects an HTTP client of undici. `timeout` in milliseconds; relative paths start at `baseDir`. */
export function tlsConnector(tls: Tls, timeout: number, baseDir: string): buildConnector.connector {
  const name = tls.serverName === undefined ? {} : { servername: tls.serverName };
  return (target, callback) => {
    tlsTexts(tls, (file) => readFile(resolve(baseDir, file), 'utf8'))
      .then((texts) =>
        buildConnector({ timeout, rejectUnauthorized: !tls.insecure, ...name, ...texts })(target, callback),
      )
      .catch((error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null));
  };
}

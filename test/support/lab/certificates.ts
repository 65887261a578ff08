/** Certificates for the laboratory, made once a test file by the machine's openssl: good, expired, for another name, and clients'. */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { tempDir } from '../temp-dir.ts';

export interface Certificates {
  readonly dir: string;
  readonly ca: string;
  /** Paths and contents by name. */
  readonly good: KeyPair;
  readonly expired: KeyPair;
  readonly wrongName: KeyPair;
  readonly client: KeyPair;
}

interface KeyPair {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

const folders = new DisposableStack();
afterAll(() => folders.dispose());

let made: Certificates | undefined;

export function certificates(): Certificates {
  made ??= make();
  return made;
}

function make(): Certificates {
  const dir = tempDir(folders);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  };
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...ec, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '30', '-subj', '/CN=lab CA');
  writeFileSync(join(dir, 'index.txt'), '');
  writeFileSync(join(dir, 'ca.cnf'), CA_CONFIG);
  const pair = (name: string, names: string, from: string, to: string): KeyPair => {
    openssl('req', ...ec, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    writeFileSync(join(dir, `${name}.ext`), `subjectAltName=${names}\n`);
    openssl(
      'ca',
      '-batch',
      '-config',
      'ca.cnf',
      '-in',
      `${name}.csr`,
      '-out',
      `${name}.pem`,
      '-notext',
      '-startdate',
      from,
      '-enddate',
      to,
      '-extfile',
      `${name}.ext`,
    );
    const [certFile, keyFile] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)];
    return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  };
  const here = 'DNS:localhost,IP:127.0.0.1,IP:::1';
  return {
    dir,
    ca: join(dir, 'ca.pem'),
    good: pair('good', here, '20200101000000Z', '20491231235959Z'),
    expired: pair('expired', here, '20200101000000Z', '20210101000000Z'),
    wrongName: pair('wrong', 'DNS:elsewhere.test', '20200101000000Z', '20491231235959Z'),
    client: pair('client', 'DNS:client.test', '20200101000000Z', '20491231235959Z'),
  };
}

const CA_CONFIG = `
[ca]
default_ca = lab
[lab]
dir = .
database = index.txt
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
unique_subject = no
rand_serial = yes
[any]
commonName = supplied
`;

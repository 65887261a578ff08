/** A real kube-apiserver with a real etcd on loopback, which tests kill, freeze and start again; no kubelet, no controllers. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, type Dispatcher, request } from 'undici';
import { endNow } from './end-now.ts';
import { EtcdServer } from './etcd-server.ts';
import { freePort } from './free-port.ts';

const VERSION = process.env.KUBE_APISERVER_VERSION ?? '1.36.3';
const CACHE = process.env.SONDE_SERVERS ?? join(homedir(), '.cache/sonde-servers');
/** Built by .ci/servers/kube-apiserver.sh. */
export const KUBE_APISERVER = join(CACHE, `kube-apiserver-${VERSION}`, 'kube-apiserver');

type Json = Record<string, unknown>;

export interface Answer {
  readonly status: number;
  readonly body: Json;
}

export class KubeApiserver {
  readonly port: number;
  readonly etcd: EtcdServer;
  readonly dir = mkdtempSync(join(tmpdir(), 'sonde-kube-'));
  readonly #agent: Agent;
  #child: ChildProcess | undefined;

  private constructor(port: number, etcd: EtcdServer) {
    this.port = port;
    this.etcd = etcd;
    makeKeys(this.dir);
    // Leaves no idle connection behind, which a test that counts sockets would see.
    this.#agent = new Agent({ pipelining: 0, connect: { ca: readFileSync(this.caFile, 'utf8') } });
  }

  /** Gone with its data when the scope ends. */
  static async start(scope: AsyncDisposableStack): Promise<KubeApiserver> {
    const etcd = await EtcdServer.start(scope);
    const server = new KubeApiserver(await freePort(), etcd);
    scope.defer(async () => {
      await server.kill();
      await server.#agent.destroy();
      rmSync(server.dir, { recursive: true, force: true });
    });
    await server.start();
    return server;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  get caFile(): string {
    return join(this.dir, 'ca.crt');
  }

  /** Of a user of the group `system:masters`, who may do everything. */
  get adminTokenFile(): string {
    return join(this.dir, 'admin-token');
  }

  /** Starts it (again), and waits until it is ready. */
  async start(): Promise<void> {
    const file = (name: string): string => join(this.dir, name);
    const child = spawn(
      KUBE_APISERVER,
      [
        ['--bind-address=127.0.0.1', `--secure-port=${this.port}`, `--etcd-servers=${this.etcd.endpoint}`],
        ['--advertise-address=127.0.0.1', '--endpoint-reconciler-type=none'],
        [`--tls-cert-file=${file('server.crt')}`, `--tls-private-key-file=${file('server.key')}`],
        [`--client-ca-file=${file('ca.crt')}`, `--token-auth-file=${file('tokens.csv')}`],
        ['--authorization-mode=RBAC', '--service-cluster-ip-range=10.96.0.0/16'],
        [
          `--service-account-key-file=${file('sa.pub')}`,
          `--service-account-signing-key-file=${file('sa.key')}`,
        ],
        ['--service-account-issuer=https://kubernetes.default.svc', '--api-audiences=api'],
        // Pods need no ServiceAccount then, which a controller would have to make.
        ['--disable-admission-plugins=ServiceAccount', `--cert-dir=${this.dir}`, '--v=0'],
      ].flat(),
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#child = child;
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4_000);
    });
    for (let attempt = 0; attempt < 1_200 && child.exitCode === null; attempt++) {
      if (await this.#ready()) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`kube-apiserver did not start: ${said}`);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    await endNow(child);
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** A call past sonde, as the administrator unless another token is given; whatever was answered. */
  async ask(method: Dispatcher.HttpMethod, path: string, body?: unknown, more: Ask = {}): Promise<Answer> {
    const { statusCode, body: answer } = await request(`${this.url}${path}`, {
      method,
      dispatcher: this.#agent,
      reset: true,
      headers: {
        authorization: `Bearer ${more.token ?? readFileSync(this.adminTokenFile, 'utf8')}`,
        'content-type': more.contentType ?? 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: statusCode, body: text.startsWith('{') ? (JSON.parse(text) as Json) : { text } };
  }

  /** As `ask`; throws where it was refused. */
  async call(method: Dispatcher.HttpMethod, path: string, body?: unknown, more: Ask = {}): Promise<Json> {
    const { status, body: answer } = await this.ask(method, path, body, more);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(answer)}`);
    return answer;
  }

  async #ready(): Promise<boolean> {
    try {
      return (await this.ask('GET', '/readyz')).status === 200;
    } catch {
      return false;
    }
  }
}

export interface Ask {
  readonly contentType?: string;
  readonly token?: string;
}

export const MERGE = { contentType: 'application/merge-patch+json' };
export const STRATEGIC = { contentType: 'application/strategic-merge-patch+json' };

/** A CA, a certificate for 127.0.0.1, one for a client of the group `system:masters`, keys for tokens, an admin token. */
function makeKeys(dir: string): void {
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'ignore', 'ignore'] });
  };
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  openssl('req', '-x509', ...curve, '-subj', '/CN=sonde-test-ca', '-keyout', 'ca.key', '-out', 'ca.crt');
  for (const [name, subject, extension] of [
    ['server', '/CN=kube-apiserver', 'subjectAltName=IP:127.0.0.1'],
    ['client', '/O=system:masters/CN=admin', 'extendedKeyUsage=clientAuth'],
  ] as const) {
    writeFileSync(join(dir, `${name}.ext`), extension);
    openssl('req', ...curve, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.crt`],
    );
  }
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  writeFileSync(join(dir, 'sa.key'), privateKey);
  writeFileSync(join(dir, 'sa.pub'), publicKey);
  writeFileSync(join(dir, 'admin-token'), 'admin-token-of-tests');
  writeFileSync(join(dir, 'tokens.csv'), 'admin-token-of-tests,admin,admin,"system:masters"\n');
}

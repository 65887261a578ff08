/** Where the apiserver is and who we are there, read again and again: tokens rotate hourly, certificates by and by. */

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { RegistryError, type RegistryErrorCode } from '../../core/registry.ts';
import { formatHostPort, parsePort } from '../../lib/host-port.ts';
import { contextOf, type Source } from './kubeconfig.ts';
import type { KubernetesOptions } from './options.ts';

export interface AccessDeps {
  /** Name of the registry. */
  readonly name: string;
  readonly clock: Clock;
  readonly baseDir: string;
}

export interface Access {
  readonly origin: string;
  /** Before every path; empty or like `/k8s/clusters/c1`. */
  readonly base: string;
  readonly token: string | undefined;
  readonly tls: Tls;
}

export interface Tls {
  readonly rejectUnauthorized: boolean;
  readonly servername?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Where the kubelet puts the token and the CA of the Pod's ServiceAccount. */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The files are read again when what was read is this old, milliseconds. The kubelet renews a token long before its end. */
const FRESH = 5_000;

export class AccessFiles {
  readonly #options: KubernetesOptions;
  readonly #deps: AccessDeps;
  #read: { readonly at: number; readonly access: Promise<Access> } | undefined;

  constructor(options: KubernetesOptions, deps: AccessDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Throws `RegistryError` where the files cannot be read or used. */
  current(): Promise<Access> {
    const now = this.#deps.clock.now();
    if (this.#read === undefined || now - this.#read.at >= FRESH) {
      const access = this.#options.kubeconfig === undefined ? this.#inCluster() : this.#byKubeconfig();
      this.#read = { at: now, access };
      // One that failed is not remembered.
      access.catch(() => {
        if (this.#read?.access === access) this.#read = undefined;
      });
    }
    return this.#read.access;
  }

  /** The apiserver did not take the token: the next one is read from the file. */
  forget(): void {
    this.#read = undefined;
  }

  async #inCluster(): Promise<Access> {
    const { server = this.#ownCluster(), tokenFile, tls, insecure } = this.#options;
    const plain = server.startsWith('http:');
    const ca = plain || tls.insecure ? undefined : await this.#ca(tls.caFile, this.#options.server);
    const token = await this.#file(tokenFile ?? `${SERVICE_ACCOUNT}/token`, this.#deps.baseDir);
    return this.#access(server, token, insecure, {
      rejectUnauthorized: !tls.insecure,
      ...(ca === undefined ? {} : { ca }),
    });
  }

  /** Without a CA of our own, a server that was named is verified by those that everybody trusts. */
  async #ca(file: string | undefined, named: string | undefined): Promise<string | undefined> {
    if (file === undefined && named !== undefined) return undefined;
    return this.#file(file ?? `${SERVICE_ACCOUNT}/ca.crt`, this.#deps.baseDir);
  }

  #ownCluster(): string {
    const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443' } = process.env;
    const number = parsePort(port);
    if (host !== '' && number !== undefined) return `https://${formatHostPort(host, number)}`;
    throw this.#error(
      'unsupported',
      'this is no Pod of a cluster (KUBERNETES_SERVICE_HOST is not set): give kubeconfig, or server, tokenFile and tls.caFile',
    );
  }

  async #byKubeconfig(): Promise<Access> {
    const { kubeconfig = '', context, insecure, tls } = this.#options;
    const path = resolve(this.#deps.baseDir, kubeconfig);
    const found = contextOf(await this.#file(path, this.#deps.baseDir), context);
    if (typeof found === 'string') throw this.#error('unsupported', `${path}: ${found}`);
    // Relative paths in a kubeconfig start at its folder.
    const read = (source: Source | undefined): Promise<string | undefined> => {
      if (source === undefined) return Promise.resolve(undefined);
      return 'text' in source ? Promise.resolve(source.text) : this.#file(source.file, dirname(path));
    };
    const [ca, cert, key, token] = await Promise.all(
      [found.ca, found.cert, found.key, found.token].map(read),
    );
    return this.#access(found.server, token, insecure, {
      rejectUnauthorized: found.verify && !tls.insecure,
      ...(found.serverName === undefined ? {} : { servername: found.serverName }),
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
  }

  #access(server: string, text: string | undefined, insecure: boolean, tls: Tls): Access {
    const { origin, pathname, protocol } = new URL(server);
    const token = text?.trim();
    if (token === '') throw this.#error('unauthorised', 'the token file is empty');
    if (token !== undefined && !insecure && (protocol !== 'https:' || !tls.rejectUnauthorized))
      throw this.#error(
        'unsupported',
        `the token is sent only over verified TLS, and ${server} is not, unless insecure: true`,
      );
    return { origin, base: pathname.replace(/\/+$/, ''), token, tls };
  }

  async #file(file: string, folder: string): Promise<string> {
    const path = resolve(folder, file);
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      throw new RegistryError('unauthorised', `registry ${this.#deps.name}: cannot read ${path}: ${what}`, {
        cause: error,
      });
    }
  }

  #error(code: RegistryErrorCode, message: string): RegistryError {
    return new RegistryError(code, `registry ${this.#deps.name}: ${message}`);
  }
}

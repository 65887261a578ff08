/**
 * The registry `http-sd`: target groups from an HTTP endpoint, as Prometheus' HTTP service discovery asks for them.
 * Nothing is written.
 */

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Client } from 'undici';
import { z } from 'zod';
import {
  type Registry,
  type RegistryDeps,
  RegistryError,
  type RegistryErrorCode,
  type RegistryPlugin,
} from '../../core/registry.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { duration, filePath } from '../../options/fields.ts';
import { type Poll, polled } from '../shared/polled.ts';
import { tlsConnector } from '../shared/tls.ts';
import { decodeGroups, GroupsError, groupFields, servicesOf } from './groups.ts';

const options = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/, error: 'not a URL: write it as http://host:port/path' })
      .refine((text) => !URL.canParse(text) || new URL(text).username === '', 'a user is given as username')
      .meta({ description: 'Where the list of target groups is' }),
    username: z.string().min(1).optional(),
    password: z.string().optional(),
    passwordFile: filePath.optional(),
    tokenFile: filePath.optional().meta({ description: 'File with a bearer token' }),
    tls: z
      .strictObject({
        caFile: filePath.optional(),
        insecure: z.boolean().default(false).meta({ description: 'Do not verify the certificate' }),
      })
      .prefault({}),
    insecure: z.boolean().default(false).meta({ description: 'Send credentials without verified TLS' }),
    timeout: duration
      .refine((ms) => ms > 0, 'must be more than nothing')
      .default(5_000)
      .meta({ description: 'For each answer' }),
    ...groupFields,
  })
  .superRefine(({ url, username, password, passwordFile, tokenFile, tls, insecure }, context) => {
    const wrong = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    const secrets = [password, passwordFile].filter((one) => one !== undefined).length;
    if (secrets > 1) wrong('passwordFile', 'give either password or passwordFile');
    if (username !== undefined && secrets === 0) wrong('username', 'needs password or passwordFile');
    if (username === undefined && secrets > 0) wrong('password', 'needs username');
    if (username !== undefined && tokenFile !== undefined)
      wrong('tokenFile', 'give either a user or a token');
    const plain = tls.insecure || url.startsWith('http:');
    if ((username ?? tokenFile) !== undefined && plain && !insecure)
      wrong('url', 'credentials are sent only over verified TLS: use an https URL, or insecure: true');
  });

export type HttpSdOptions = z.output<typeof options>;

export const httpSdRegistry: RegistryPlugin<HttpSdOptions> = {
  name: 'http-sd',
  summary: "Target groups from a URL, as Prometheus' HTTP service discovery has them; read only.",
  capabilities: {
    writes: false,
    incarnations: false,
    facts: {
      discovers: 'target groups of an HTTP endpoint',
      follows: 'poll',
      auth: ['password', 'token'],
      tested: ['an endpoint of our own'],
      limits: 'read only',
    },
  },
  options,
  create: (given, deps) => new HttpSdRegistry(given, deps),
};

/** Bytes of an answer; ten thousand targets with a dozen labels are a few million. */
const LARGEST = 64 * 1024 * 1024;

class HttpSdRegistry implements Registry {
  readonly batchSize = 1;
  readonly #options: HttpSdOptions;
  readonly #deps: RegistryDeps;
  readonly #client: Client;

  constructor(given: HttpSdOptions, deps: RegistryDeps) {
    this.#options = given;
    this.#deps = deps;
    this.#client = new Client(new URL(given.url).origin, {
      maxResponseSize: LARGEST,
      connect: tlsConnector(this.#options.tls, this.#options.timeout, this.#deps.baseDir),
    });
    deps.scope.defer(() => this.#client.destroy());
  }

  snapshots(signal: AbortSignal): AsyncIterable<Snapshot> {
    let before: { readonly text: string; readonly etag: string | undefined } | undefined;
    const list = async (): Promise<Poll> => {
      const { poll: again } = this.#options;
      const answer = await this.#ask(before?.etag, signal);
      if (answer === undefined || answer.text === before?.text) return { services: undefined, again };
      const services = this.#decode(answer.text);
      before = answer;
      return { services, again };
    };
    return polled(list, this.#deps.clock, signal);
  }

  /** Undefined: nothing has changed since that tag. */
  async #ask(
    etag: string | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly text: string; readonly etag: string | undefined } | undefined> {
    const { url, timeout } = this.#options;
    const { pathname, search } = new URL(url);
    using deadline = this.#deps.clock.deadline(timeout, signal);
    try {
      const { statusCode, headers, body } = await this.#client.request({
        method: 'GET',
        path: pathname + search,
        headers: await this.#headers(etag),
        signal: deadline.signal,
      });
      const text = await body.text();
      if (statusCode === 304 && etag !== undefined) return undefined;
      if (statusCode !== 200) throw this.#error(codeOf(statusCode), `answered ${statusCode}`);
      const tag = headers.etag;
      return { text, etag: typeof tag === 'string' ? tag : undefined };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RegistryError) throw error;
      const what = error instanceof Error ? error.message : String(error);
      throw this.#error('unreachable', deadline.expired ? `no answer within ${timeout} ms` : what, error);
    }
  }

  #decode(text: string): Poll['services'] {
    try {
      return servicesOf(decodeGroups(JSON.parse(text) as unknown), this.#options);
    } catch (error) {
      if (!(error instanceof GroupsError || error instanceof SyntaxError)) throw error;
      throw this.#error('protocol', error.message);
    }
  }

  async #headers(etag: string | undefined): Promise<Record<string, string>> {
    const { username, password, passwordFile, tokenFile, poll } = this.#options;
    const headers: Record<string, string> = {
      accept: 'application/json',
      'x-prometheus-refresh-interval-seconds': String(Math.ceil(poll / 1_000)),
    };
    if (etag !== undefined) headers['if-none-match'] = etag;
    // Files are read each time: secrets are renewed while sonde runs.
    if (tokenFile !== undefined) headers.authorization = `Bearer ${await this.#secret(tokenFile)}`;
    if (username !== undefined) {
      const secret = passwordFile === undefined ? (password ?? '') : await this.#secret(passwordFile);
      headers.authorization = `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}`;
    }
    return headers;
  }

  async #secret(file: string): Promise<string> {
    return (await readFile(resolve(this.#deps.baseDir, file), 'utf8')).replace(/\r?\n$/, '');
  }

  #error(code: RegistryErrorCode, what: string, cause?: unknown): RegistryError {
    return new RegistryError(code, `registry ${this.#deps.name}: ${this.#options.url}: ${what}`, { cause });
  }
}

function codeOf(status: number): RegistryErrorCode {
  if (status === 401) return 'unauthorised';
  if (status === 403) return 'forbidden';
  if (status === 429 || status === 503) return 'overloaded';
  return status >= 500 ? 'unreachable' : 'protocol';
}

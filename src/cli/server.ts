/** Where a running sonde is asked. */

export interface Server {
  /** The base of all paths. */
  readonly url: URL;
  /** The unix socket to go through. */
  readonly socket?: string;
  /** For people. */
  readonly name: string;
}

/** The options of every client command, and of those that change something. */
export interface ServerOptions {
  readonly server?: string;
  readonly caFile?: string;
}

export interface ChangeOptions extends ServerOptions {
  readonly tokenFile?: string;
  readonly insecure?: true;
}

export const DEFAULT_SERVER = 'http://127.0.0.1:9810';

/** `http://…`, `https://…` or `unix:/path`; undefined where the text is none of them. */
export function parseServer(text: string): Server | undefined {
  const [, socket] = /^unix:(?:\/\/)?(\/.+)$/.exec(text) ?? [];
  if (socket !== undefined) return { url: new URL('http://localhost'), socket, name: `unix:${socket}` };
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return undefined;
  return { url, name: url.origin };
}

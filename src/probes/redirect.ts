/** Where a redirect leads. Pure. */

import { isIP } from 'node:net';
import type { Instance } from '../core/instance.ts';
import type { ConnectionOptions } from './connection.ts';
import type { Request } from './exchange.ts';
import type { Answer } from './expectation.ts';
import { type TlsOptions, tlsFields } from './fields.ts';
import { fill } from './template.ts';

/** Where and how a request goes. */
export interface Hop {
  readonly to: ConnectionOptions;
  readonly request: Request;
}

const REDIRECTS = [301, 302, 303, 307, 308];

/**
 * The hop that the answer asks for (RFC 9110, section 15.4), or undefined where it asks for none that is followed. When
 * scheme, host or port change, everything that the options say for the first place stays behind: credentials, headers,
 * client certificate, server name; and a body is not sent on at all.
 */
export function nextHop(
  hop: Hop,
  answer: Answer,
  instance: Instance,
  tls: TlsOptions | undefined,
): Hop | undefined {
  const location = answer.headers.location;
  if (!REDIRECTS.includes(answer.status) || typeof location !== 'string') return undefined;
  const here = urlOf(hop, instance);
  if (here === undefined || !URL.canParse(location, here)) return undefined;
  const there = new URL(location, here);
  if (there.protocol !== 'http:' && there.protocol !== 'https:') return undefined;
  const same = there.origin === here.origin;
  // 303 always, and 301 and 302 by old custom, turn into GET; 307 and 308 keep what they were.
  const keeps = answer.status >= 307 || hop.request.method === 'GET' || hop.request.method === 'HEAD';
  const body = keeps ? hop.request.body : undefined;
  if (!same && body !== undefined) return undefined;
  const { 'user-agent': agent = '' } = hop.request.headers;
  return {
    to: same
      ? hop.to
      : {
          ...hop.to,
          address: [there.hostname.replace(/^\[|\]$/g, '')],
          port: [there.port || (there.protocol === 'https:' ? '443' : '80')],
          tls: there.protocol === 'https:' ? elsewhere(tls) : undefined,
        },
    request: {
      method: keeps ? hop.request.method : 'GET',
      path: `${there.pathname}${there.search}`,
      headers: same ? hop.request.headers : { host: there.host, 'user-agent': agent },
      body,
      last: true,
    },
  };
}

/** Whom to trust stays; who we are, and whom to ask for, was meant for the first place. */
function elsewhere(tls: TlsOptions | undefined): TlsOptions {
  const { caFile, insecure } = tls ?? tlsFields.parse({});
  return { insecure, ...(caFile === undefined ? {} : { caFile }) };
}

function urlOf({ to, request }: Hop, instance: Instance): URL | undefined {
  const host = fill(to.address, instance) ?? '';
  const scheme = to.tls === undefined ? 'http' : 'https';
  // Not resolved against a base: a path that starts with two slashes would name another host.
  const text = `${scheme}://${bracketed(host)}:${fill(to.port, instance) ?? ''}${request.path}`;
  return URL.canParse(text) ? new URL(text) : undefined;
}

/** As in a URL; zones mean something on this machine only (RFC 6874, section 4). */
function bracketed(host: string): string {
  return isIP(host) === 6 ? `[${host.split('%')[0] ?? host}]` : host;
}

/** Host field of RFC 9112, section 3.2: without the port where it is the scheme's own. */
export function hostHeader(host: string, port: string, tls: boolean): string {
  return port === (tls ? '443' : '80') ? bracketed(host) : `${bracketed(host)}:${port}`;
}

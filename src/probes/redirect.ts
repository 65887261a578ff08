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
 * The hop that the answer asks for (RFC 9110, section 15.4), or undefined where it asks for none that can be followed.
 * Credentials stay behind when scheme, host or port change.
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
  const there = URL.canParse(location, here) ? new URL(location, here) : undefined;
  if (there === undefined || (there.protocol !== 'http:' && there.protocol !== 'https:')) return undefined;
  const { authorization, ...others } = hop.request.headers;
  const same = there.origin === here.origin;
  const headers = {
    ...others,
    host: there.host,
    ...(same && authorization !== undefined ? { authorization } : {}),
  };
  // 303 always, and 301 and 302 by old custom, turn into GET; 307 and 308 keep what they were.
  const keeps = answer.status >= 307 || hop.request.method === 'GET' || hop.request.method === 'HEAD';
  return {
    to: {
      ...hop.to,
      address: [there.hostname.replace(/^\[|\]$/g, '')],
      port: [there.port || (there.protocol === 'https:' ? '443' : '80')],
      tls: there.protocol === 'https:' ? (tls ?? tlsFields.parse({})) : undefined,
    },
    request: {
      method: keeps ? hop.request.method : 'GET',
      path: `${there.pathname}${there.search}`,
      headers,
      body: keeps ? hop.request.body : undefined,
      last: true,
    },
  };
}

function urlOf({ to, request }: Hop, instance: Instance): URL {
  const host = fill(to.address, instance) ?? '';
  const scheme = to.tls === undefined ? 'http' : 'https';
  return new URL(request.path, `${scheme}://${bracketed(host)}:${fill(to.port, instance) ?? ''}`);
}

function bracketed(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

/** Host field of RFC 9112, section 3.2: without the port where it is the scheme's own. */
export function hostHeader(host: string, port: string, tls: boolean): string {
  return port === (tls ? '443' : '80') ? bracketed(host) : `${bracketed(host)}:${port}`;
}

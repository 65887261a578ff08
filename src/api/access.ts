/** Who may change state: callers on the unix socket, and those who know the token and are no foreign web page. */

import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { type ApiRequest, header, type TextResponse } from './message.ts';
import { problem } from './problem.ts';

export interface AccessRules {
  readonly token: string;
  /** Where the token is, which callers of this machine are told. */
  readonly tokenFile?: string;
  /** Names under which we are called, beside localhost and any IP address. */
  readonly hosts: readonly string[];
}

/** Why the request may not change state; undefined if it may. */
export function refuseChange(request: ApiRequest, rules: AccessRules): TextResponse | undefined {
  if (request.door === 'socket') return undefined;
  const host = header(request, 'host') ?? '';
  // A page of a stranger whose name was rebound to our address still sends that name.
  if (!isOurName(nameOf(host), rules.hosts)) {
    return problem('foreign-page', `The Host header ${JSON.stringify(host)} is not one of ours.`);
  }
  const origin = request.headers.origin;
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
    return problem('foreign-page', 'Only pages of this server may change anything.');
  }
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return problem('foreign-page', 'Only pages of this server may change anything.');
  }
  const sent = /^Bearer +(\S+)$/i.exec(header(request, 'authorization') ?? '')?.[1];
  if (sent !== undefined && isSame(sent, rules.token)) return undefined;
  const detail =
    'Whatever changes state needs "Authorization: Bearer" and the token of the server\'s token file.';
  const { tokenFile } = rules;
  const place = tokenFile !== undefined && isLoopback(request.from) ? { tokenFile } : {};
  return problem('token-needed', detail, place, { 'www-authenticate': 'Bearer' });
}

function isLoopback(address = ''): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}

/** Of `name:port`, `[::1]:port`, `name`. */
function nameOf(host: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([^:]*))(?::[0-9]*)?$/.exec(host) ?? [];
  return (bracketed ?? plain ?? '').toLowerCase();
}

function isOurName(name: string, hosts: readonly string[]): boolean {
  return isIP(name) !== 0 || name === 'localhost' || hosts.some((host) => host.toLowerCase() === name);
}

/** In a time that tells nothing about how much of it is right. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

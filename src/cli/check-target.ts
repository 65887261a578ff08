/** What `sonde check KIND TARGET --set KEY=VALUE` says, as options of a probe. Pure. */

import { parse } from 'yaml';
import { parsePort } from '../lib/host-port.ts';

export type Wrong = { readonly kind: 'wrong'; readonly message: string };

export type CheckTarget =
  | Wrong
  | {
      readonly kind: 'target';
      readonly host: string;
      readonly port: number;
      readonly options: Record<string, unknown>;
    };

export function parseTarget(kind: string, words: readonly string[]): CheckTarget {
  if (kind === 'script')
    return { kind: 'target', host: 'localhost', port: 1, options: { command: [...words] } };
  const [text = '', ...more] = words;
  if (more.length > 0) return { kind: 'wrong', message: `${kind} takes one target` };
  return kind === 'http' ? parseUrl(text) : parseHostPort(text);
}

function parseHostPort(text: string): CheckTarget {
  const [, host = '', digits = ''] = /^(.+):([0-9]+)$/.exec(text) ?? [];
  const port = parsePort(digits);
  if (host === '' || port === undefined) return { kind: 'wrong', message: `${text} is no host:port` };
  return { kind: 'target', host: host.replace(/^\[|\]$/g, ''), port, options: {} };
}

function parseUrl(text: string): CheckTarget {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const tls = url?.protocol === 'https:';
  if (url === undefined || (!tls && url.protocol !== 'http:'))
    return { kind: 'wrong', message: `${text} is no http:// or https:// URL` };
  if (url.username !== '' || url.password !== '')
    return {
      kind: 'wrong',
      message: 'credentials do not go into a URL: use --set auth.basic.username=… and passwordFile',
    };
  const port = url.port === '' ? (tls ? 443 : 80) : Number(url.port);
  const options = { path: `${url.pathname}${url.search}`, ...(tls ? { tls: true } : {}) };
  return { kind: 'target', host: url.hostname.replace(/^\[|\]$/g, ''), port, options };
}

/** `expect.status=2xx` as `{ expect: { status: '2xx' } }`; values are YAML. */
export function parseOptions(
  settings: readonly string[],
  base: Readonly<Record<string, unknown>>,
): Wrong | { readonly kind: 'options'; readonly options: Record<string, unknown> } {
  const options: Record<string, unknown> = { ...base };
  for (const setting of settings) {
    const cut = setting.indexOf('=');
    if (cut < 1) return { kind: 'wrong', message: `--set ${setting} is no KEY=VALUE` };
    let value: unknown;
    try {
      value = parse(setting.slice(cut + 1)) as unknown;
    } catch {
      return { kind: 'wrong', message: `--set ${setting}: the value is not YAML` };
    }
    const keys = setting.slice(0, cut).split('.');
    const last = keys.pop() ?? '';
    let here = options;
    for (const key of keys) {
      const below = here[key];
      const next: Record<string, unknown> = typeof below === 'object' && below !== null ? { ...below } : {};
      here[key] = next;
      here = next;
    }
    here[last] = value;
  }
  return { kind: 'options', options };
}

/** The options of the registry `etcd`. */

import { z } from 'zod';
import { duration, filePath } from '../../options/fields.ts';
import { weightField } from '../shared/mark.ts';
import { tlsFields } from '../shared/tls.ts';

const endpoint = z
  .url({ protocol: /^https?$/, error: 'not an endpoint: write it as http://127.0.0.1:2379' })
  .refine((text) => isOrigin(text), 'must be scheme, host and port only; a user is given as username')
  .transform((text) => new URL(text).origin);

const prefix = z
  .string()
  .min(1)
  .transform((text) => (text.endsWith('/') ? text : `${text}/`));

export const etcdOptions = z
  .strictObject({
    endpoints: z
      .array(endpoint)
      .min(1)
      .meta({ description: 'URLs of the members; the next one is asked when one fails' }),
    prefix: prefix.default('/sonde/').meta({ description: 'Keys are PREFIX/NAMESPACE/SERVICE/ID' }),
    statusPrefix: prefix
      .optional()
      .meta({ description: 'Write health to keys of its own below this, not into the providers’ keys' }),
    username: z.string().min(1).optional(),
    password: z.string().optional(),
    passwordFile: filePath.optional(),
    tls: z
      .strictObject({
        ...tlsFields,
      })
      .prefault({}),
    insecure: z.boolean().default(false).meta({ description: 'Send credentials without verified TLS' }),
    timeout: duration
      .refine((ms) => ms > 0, 'must be more than nothing')
      .default(3_000)
      .meta({ description: 'For each call' }),
    weight: weightField,
  })
  .superRefine((options, context) => {
    const wrong = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: path.split('.'), message });
    const { username, password, passwordFile, tls, statusPrefix } = options;
    const secrets = [password, passwordFile].filter((one) => one !== undefined).length;
    if (secrets > 1) wrong('passwordFile', 'give either password or passwordFile');
    if (username !== undefined && secrets === 0) wrong('username', 'needs password or passwordFile');
    if (username === undefined && secrets > 0) wrong('password', 'needs username');
    const plain = tls.insecure || options.endpoints.some((one) => one.startsWith('http:'));
    if (username !== undefined && plain && !options.insecure)
      wrong(
        'username',
        'credentials are sent only over verified TLS: use https endpoints, or insecure: true',
      );
    if ((tls.certFile === undefined) !== (tls.keyFile === undefined))
      wrong('tls.certFile', 'certFile and keyFile belong together');
    if (statusPrefix === undefined) return;
    if (statusPrefix.startsWith(options.prefix) || options.prefix.startsWith(statusPrefix))
      wrong('statusPrefix', 'must not lie below prefix, nor prefix below it');
    if (options.weight !== undefined)
      wrong('weight', 'has no effect beside statusPrefix: the providers’ keys are left alone');
  });

/** What is no URL at all is told as such. */
function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return true;
  const { pathname, search, hash, username, password } = new URL(text);
  return pathname === '/' && [search, hash, username, password].every((part) => part === '');
}

export type EtcdOptions = z.output<typeof etcdOptions>;

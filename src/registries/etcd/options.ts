/** The options of the registry `etcd`. */

import { z } from 'zod';
import { duration, filePath } from '../../options/fields.ts';
import { weightField } from '../shared/mark.ts';

const endpoint = z
  .url({ protocol: /^https?$/, error: 'not an endpoint: write it as http://127.0.0.1:2379' })
  .transform((text) => text.replace(/\/+$/, ''));

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
    prefix: prefix.default('/sonde/').meta({ description: 'Keys are PREFIX NAMESPACE/SERVICE/ID' }),
    statusPrefix: prefix
      .optional()
      .meta({ description: 'Write health to keys of its own below this, not into the provider’s' }),
    username: z.string().min(1).optional(),
    password: z.string().optional(),
    passwordFile: filePath.optional(),
    tls: z
      .strictObject({
        caFile: filePath.optional(),
        certFile: filePath.optional(),
        keyFile: filePath.optional(),
        insecure: z.boolean().default(false).meta({ description: 'Do not verify the certificate' }),
      })
      .prefault({}),
    insecure: z.boolean().default(false).meta({ description: 'Send credentials without verified TLS' }),
    timeout: duration.default(3_000).meta({ description: 'For each call' }),
    weight: weightField,
  })
  .superRefine(
    ({ username, password, passwordFile, endpoints, tls, insecure, prefix: keys, statusPrefix }, context) => {
      const wrong = (path: string, message: string): void =>
        context.addIssue({ code: 'custom', path: [path], message });
      const secrets = [password, passwordFile].filter((one) => one !== undefined).length;
      if (secrets > 1) wrong('passwordFile', 'give either password or passwordFile');
      if (username !== undefined && secrets === 0) wrong('username', 'needs password or passwordFile');
      if (username === undefined && secrets > 0) wrong('password', 'needs username');
      const plain = tls.insecure || endpoints.some((one) => one.startsWith('http:'));
      if (username !== undefined && plain && !insecure)
        wrong(
          'username',
          'credentials are sent only over verified TLS: use https endpoints, or insecure: true',
        );
      if (statusPrefix !== undefined && (statusPrefix.startsWith(keys) || keys.startsWith(statusPrefix)))
        wrong('statusPrefix', 'must not lie below prefix, nor prefix below it');
    },
  );

export type EtcdOptions = z.output<typeof etcdOptions>;

/** The options of the registry `eureka`. */

import { z } from 'zod';
import { duration, filePath } from '../../options/fields.ts';
import { tlsFields } from '../shared/tls.ts';

const serviceUrl = z
  .url({ protocol: /^https?$/, error: 'not a URL: write it as http://host:8761/eureka' })
  .refine((text) => !URL.canParse(text) || isPlain(new URL(text)), 'needs no user, query or fragment')
  .transform((text) => text.replace(/\/+$/, ''));

function isPlain({ search, hash, username, password }: URL): boolean {
  return [search, hash, username, password].every((part) => part === '');
}

export const eurekaOptions = z
  .strictObject({
    urls: z
      .array(serviceUrl)
      .min(1)
      .meta({
        description:
          'Service URLs of the servers, as clients have them; the next one is asked when one fails',
        examples: [['http://127.0.0.1:8761/eureka']],
      }),
    namespace: z.string().min(1).default('default').meta({ description: 'Eureka has none: this one' }),
    address: z.enum(['host-name', 'ip']).default('host-name').meta({
      description: 'Where instances are probed: at their host name, as consumers call them, or their IP',
    }),
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
      .default(5_000)
      .meta({ description: 'For each call' }),
    poll: duration
      .refine((ms) => ms >= 100 && ms <= 10_000, 'must be from 100ms to 10s')
      .default(5_000)
      .meta({ description: 'How often the server is asked for what has changed' }),
    restartGrace: duration.default(90_000).meta({
      description: 'How long an instance is waited for that is missing though nobody said that it left',
    }),
    renew: duration
      .refine(
        (ms) => ms > 0 && ms <= 50 * 60_000,
        'must be at most 50m: the server forgets overrides after 1h',
      )
      .default(20 * 60_000)
      .meta({ description: 'How often an override that stands is renewed' }),
    metadataKey: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_-]*$/, 'must be of letters, digits, - and _')
      .default('sonde')
      .meta({ description: 'The key in the metadata of an instance that holds the mark' }),
  })
  .superRefine(({ urls, username, password, passwordFile, tls, insecure }, context) => {
    const wrong = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    const secrets = [password, passwordFile].filter((one) => one !== undefined).length;
    if (secrets > 1) wrong('passwordFile', 'give either password or passwordFile');
    if (username !== undefined && secrets === 0) wrong('username', 'needs password or passwordFile');
    if (username === undefined && secrets > 0) wrong('password', 'needs username');
    const plain = tls.insecure || urls.some((url) => url.startsWith('http:'));
    if (username !== undefined && plain && !insecure)
      wrong('username', 'credentials are sent only over verified TLS: use https URLs, or insecure: true');
    if ((tls.certFile === undefined) !== (tls.keyFile === undefined))
      wrong('tls', 'certFile and keyFile belong together');
  });

export type EurekaOptions = z.output<typeof eurekaOptions>;

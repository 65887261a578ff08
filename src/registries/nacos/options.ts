/** The options of the registry `nacos`. */

import { z } from 'zod';
import { duration, filePath } from '../../options/fields.ts';
import { weightField } from '../shared/mark.ts';
import { tlsFields } from '../shared/tls.ts';

const server = z
  .url({ protocol: /^https?$/, error: 'not a server: write it as http://127.0.0.1:8848' })
  .refine((text) => isPlain(text), 'must be scheme, host, port and path only; a user is given as username')
  .transform((text) => {
    const { origin, pathname } = new URL(text);
    // The context path that Nacos has unless told otherwise.
    return { origin, context: pathname === '/' ? '/nacos' : pathname.replace(/\/+$/, '') };
  });

const namespace = z
  .union([
    z.string().min(1),
    z.strictObject({
      id: z.string().min(1),
      name: z.string().min(1).meta({ description: 'What sonde calls it; ids are often UUIDs' }),
    }),
  ])
  .transform((given) => (typeof given === 'string' ? { id: given, name: given } : given));

const globs = (what: string) =>
  z
    .array(z.string().min(1))
    .min(1)
    .default(['*'])
    .meta({ description: `${what}: globs, with ! those that are not meant` });

export const nacosOptions = z
  .strictObject({
    servers: z
      .array(server)
      .min(1)
      .meta({
        description:
          'URLs of the servers, with the context path if it is not /nacos; the next is asked when one fails',
        examples: [['https://nacos-0.internal:8848']],
      }),
    namespaces: z
      .array(namespace)
      .min(1)
      .prefault(['*'])
      .meta({ description: 'Ids of namespaces, or * for all of them; the one without an id is public' }),
    groups: globs('Groups of services'),
    clusters: globs('Clusters of instances'),
    username: z.string().min(1).optional(),
    password: z.string().optional(),
    passwordFile: filePath.optional(),
    identity: z
      .strictObject({
        key: z.string().min(1),
        value: z.string().min(1).optional(),
        valueFile: filePath.optional(),
      })
      .optional()
      .meta({ description: 'The header by which servers know each other (nacos.core.auth.server.identity)' }),
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
      .default(3_000)
      .meta({
        description: 'How often services are looked at for instances that join, leave or change health',
      }),
    fullPoll: duration
      .refine((ms) => ms >= 100 && ms <= 300_000, 'must be from 100ms to 5m')
      .default(10_000)
      .meta({ description: 'How often everything is listed: weights, metadata, what is disabled' }),
    restartGrace: duration
      .default(30_000)
      .meta({ description: 'How long ephemeral instances that are missing after an outage are waited for' }),
    weight: weightField.prefault({ subHealthy: '30%' }),
    persistentDead: z
      .enum(['unhealthy', 'disabled'])
      .default('unhealthy')
      .meta({ description: 'How a dead persistent instance is shown; an ephemeral one is always disabled' }),
    checker: z
      .enum(['keep', 'none'])
      .default('keep')
      .meta({ description: 'Whether the own checker of a cluster of persistent instances is switched off' }),
    reregister: z.boolean().default(true).meta({
      description: 'Register persistent instances again where the health call is broken (2.0.4 to 3.1)',
    }),
    markKey: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, 'letters, digits, _ and - only')
      .default('sonde')
      .meta({ description: 'Key of the metadata that the mark stands under' }),
  })
  .superRefine((options, context) => {
    const wrong = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: path.split('.'), message });
    const { username, password, passwordFile, identity, tls } = options;
    const secrets = [password, passwordFile].filter((one) => one !== undefined).length;
    if (secrets > 1) wrong('passwordFile', 'give either password or passwordFile');
    if (username !== undefined && secrets === 0) wrong('username', 'needs password or passwordFile');
    if (username === undefined && secrets > 0) wrong('password', 'needs username');
    if (identity !== undefined && (identity.value === undefined) === (identity.valueFile === undefined))
      wrong('identity.value', 'give either value or valueFile');
    const plain = tls.insecure || options.servers.some(({ origin }) => origin.startsWith('http:'));
    if ((username ?? identity) !== undefined && plain && !options.insecure)
      wrong(
        username === undefined ? 'identity' : 'username',
        'credentials are sent only over verified TLS: use https servers, or insecure: true',
      );
    if ((tls.certFile === undefined) !== (tls.keyFile === undefined))
      wrong('tls.certFile', 'certFile and keyFile belong together');
    const names = options.namespaces.map(({ name }) => name);
    if (new Set(names).size < names.length) wrong('namespaces', 'two of them have the same name');
    if (options.namespaces.some(({ id, name }) => id === '*' && name !== '*'))
      wrong('namespaces', '* stands for many and cannot have a name');
  });

/** What is no URL at all is told as such. */
function isPlain(text: string): boolean {
  if (!URL.canParse(text)) return true;
  const { search, hash, username, password } = new URL(text);
  return [search, hash, username, password].every((part) => part === '');
}

export type NacosOptions = z.output<typeof nacosOptions>;

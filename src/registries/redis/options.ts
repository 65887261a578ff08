/** The options of the registry `redis`. */

import { z } from 'zod';
import { parsePort } from '../../lib/host-port.ts';
import { duration, filePath } from '../../options/fields.ts';
import { weightField } from '../shared/mark.ts';
import { tlsFields } from '../shared/tls.ts';
import { patternFault } from './key-pattern.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

const address = z
  .string()
  .transform((text): Address | undefined => {
    const [, inBrackets, plain, port = ''] = /^(?:\[([^\]]+)\]|([^:\s]+)):([0-9]+)$/.exec(text) ?? [];
    const host = inBrackets ?? plain;
    const number = parsePort(port);
    return host === undefined || number === undefined ? undefined : { host, port: number };
  })
  .refine((decoded) => decoded !== undefined, 'not an address: write it as 127.0.0.1:6379');

const name = (text: string) => z.string().min(1).default(text);

const fields = z
  .strictObject({
    host: name('host'),
    port: name('port'),
    weight: name('weight'),
    enabled: name('enabled'),
    draining: name('draining'),
    incarnation: name('incarnation'),
    metadata: name('metadata'),
    mark: name('sonde'),
  })
  .prefault({})
  .meta({ description: 'Names that the fields of an instance have there' });

export const redisOptions = z
  .strictObject({
    addresses: z
      .array(address)
      .min(1)
      .meta({
        description: 'HOST:PORT of the server, of Sentinels, or of some nodes of the cluster',
        examples: [['127.0.0.1:6379']],
      }),
    topology: z.enum(['standalone', 'sentinel', 'cluster']).default('standalone'),
    masterName: z.string().min(1).optional().meta({ description: 'Under which name the Sentinels know it' }),
    database: z.number().int().min(0).default(0),
    username: z.string().min(1).optional(),
    password: z.string().optional(),
    passwordFile: filePath.optional(),
    sentinelUsername: z.string().min(1).optional(),
    sentinelPassword: z.string().optional(),
    sentinelPasswordFile: filePath.optional(),
    tls: z
      .strictObject({
        ...tlsFields,
      })
      .optional()
      .meta({ description: 'Speak TLS; {} for the system’s certificates' }),
    insecure: z.boolean().default(false).meta({ description: 'Send credentials without verified TLS' }),
    timeout: duration
      .refine((ms) => ms > 0, 'must be more than nothing')
      .default(3_000)
      .meta({ description: 'For each command' }),
    pattern: z
      .string()
      .default('sonde:{namespace}:{service}:{id}')
      .meta({ description: 'Keys of instances, of {namespace}, {service}, {id} or {host} and {port}' }),
    namespace: z.string().min(1).default('default').meta({ description: 'Where the pattern has none' }),
    service: z.string().min(1).optional().meta({ description: 'Where the pattern has none' }),
    value: z
      .enum(['hash', 'json', 'key'])
      .default('hash')
      .meta({ description: 'An instance is a hash, a JSON text, or told by its key alone' }),
    fields,
    poll: duration
      .refine((ms) => ms >= 100 && ms <= 10_000, 'must be from 100ms to 10s')
      .default(5_000)
      .meta({ description: 'How often the keys are scanned' }),
    restartGrace: duration
      .default(30_000)
      .meta({ description: 'How long what is missing after a restart or failover is waited for' }),
    weight: weightField,
  })
  .superRefine((options, context) => {
    const wrong = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    const { topology, username, sentinelUsername, tls, value, pattern } = options;
    const fault = patternFault(pattern, options.service);
    if (fault !== undefined) wrong('pattern', fault);
    if (value === 'key' && !(pattern.includes('{host}') && pattern.includes('{port}')))
      wrong('value', 'key needs {host} and {port} in the pattern');
    if (value === 'key' && options.weight !== undefined) wrong('weight', 'a key alone has no weight');
    if (topology !== 'cluster' && topology !== 'sentinel' && options.addresses.length > 1)
      wrong('addresses', 'a standalone server has one address');
    if ((topology === 'sentinel') !== (options.masterName !== undefined))
      wrong('masterName', 'belongs to topology: sentinel, and is needed there');
    if (topology === 'cluster' && options.database !== 0)
      wrong('database', 'a cluster has the database 0 only');
    const secret = secretOf(options.password, options.passwordFile);
    const sentinelSecret = secretOf(options.sentinelPassword, options.sentinelPasswordFile);
    if (secret === 'both') wrong('passwordFile', 'give either password or passwordFile');
    if (sentinelSecret === 'both')
      wrong('sentinelPasswordFile', 'give either sentinelPassword or sentinelPasswordFile');
    if (username !== undefined && secret === 'none') wrong('username', 'needs password or passwordFile');
    if (sentinelUsername !== undefined && sentinelSecret === 'none')
      wrong('sentinelUsername', 'needs sentinelPassword or sentinelPasswordFile');
    if (sentinelSecret !== 'none' && topology !== 'sentinel')
      wrong('sentinelPassword', 'there are no Sentinels');
    const plain = tls === undefined || tls.insecure;
    if ((secret !== 'none' || sentinelSecret !== 'none') && plain && !options.insecure)
      wrong('password', 'credentials are sent only over verified TLS: give tls, or insecure: true');
    if ((tls?.certFile === undefined) !== (tls?.keyFile === undefined))
      wrong('tls', 'certFile and keyFile belong together');
  });

function secretOf(text: string | undefined, file: string | undefined): 'none' | 'one' | 'both' {
  if (text !== undefined && file !== undefined) return 'both';
  return text === undefined && file === undefined ? 'none' : 'one';
}

export type RedisOptions = z.output<typeof redisOptions>;

/** The options of the registry `zookeeper`. */

import { z } from 'zod';
import { parsePort } from '../../lib/host-port.ts';
import { duration, filePath, share } from '../../options/fields.ts';
import { tlsFields } from '../shared/tls.ts';
import { patternFault } from './path-pattern.ts';

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
  .pipe(z.custom<Address>((decoded) => decoded !== undefined, 'not an address: write it as 127.0.0.1:2181'));

const path = z
  .string()
  .regex(/^(\/[^/]+)+$/, 'not an absolute path without a slash at its end, as in /dubbo');

const name = (text: string) => z.string().min(1).default(text);

const positive = duration.refine((ms) => ms > 0, 'must be more than nothing');

export const zookeeperOptions = z
  .strictObject({
    servers: z
      .array(address)
      .min(1)
      .meta({ description: 'HOST:PORT of the servers', examples: [['127.0.0.1:2181']] }),
    layout: z.enum(['dubbo', 'dubbo-applications', 'path']).default('dubbo').meta({
      description: 'What stands there: Dubbo’s interfaces, its applications, or nodes by a pattern',
    }),
    root: path
      .optional()
      .meta({ description: 'Of Dubbo’s interfaces (/dubbo) or of its applications (/services)' }),
    configRoot: path
      .default('/dubbo/config/dubbo')
      .meta({ description: 'Of the rule documents of Dubbo’s config center' }),
    metadataRoot: path
      .default('/dubbo')
      .meta({ description: 'Of Dubbo’s mapping and metadata; dubbo-applications only' }),
    rules: z
      .enum(['both', 'url', 'document'])
      .default('both')
      .meta({ description: 'Tell consumers by override URLs, by rule documents, or both; dubbo only' }),
    pattern: z.string().optional().meta({
      description: 'Nodes of instances: a path of {namespace}, {service}, {id} or {host} and {port}',
    }),
    value: z
      .enum(['json', 'none'])
      .default('json')
      .meta({ description: 'An instance is a JSON text, or told by its path alone' }),
    fields: z
      .strictObject({
        host: name('host'),
        port: name('port'),
        weight: name('weight'),
        enabled: name('enabled'),
        draining: name('draining'),
        metadata: name('metadata'),
      })
      .prefault({})
      .meta({ description: 'Where the fields stand in the JSON text; a.b is b within a' }),
    marks: z
      .enum(['value', 'node'])
      .optional()
      .meta({ description: 'Write health into the JSON text, or to nodes below marksRoot; path only' }),
    marksRoot: path.default('/sonde').meta({ description: 'Below it sonde keeps its marks' }),
    namespace: z.string().min(1).default('default').meta({ description: 'Where the path has none' }),
    service: z.string().min(1).optional().meta({ description: 'Where the pattern has none' }),
    username: z
      .string()
      .regex(/^[^:]+$/, 'must be without a colon')
      .optional(),
    password: z.string().optional(),
    passwordFile: filePath.optional(),
    acl: z.enum(['open', 'creator', 'creator-read']).optional().meta({
      description: 'Of nodes that sonde creates: all to anyone, all to its user alone, or to others reading',
    }),
    tls: z
      .strictObject({
        ...tlsFields,
      })
      .optional()
      .meta({ description: 'Speak TLS (secureClientPort); {} for the system’s certificates' }),
    insecure: z.boolean().default(false).meta({ description: 'Send credentials without verified TLS' }),
    timeout: positive.default(3_000).meta({ description: 'A server that says nothing for so long is left' }),
    sessionTimeout: duration
      .refine((ms) => ms >= 1_000 && ms <= 600_000, 'must be from 1s to 10m')
      .default(30_000)
      .meta({ description: 'Asked for; the server has limits of its own' }),
    weight: z
      .strictObject({ subHealthy: share.default(0.3), dead: share.default(0) })
      .optional()
      .meta({
        description:
          'Share of its weight that a sub-healthy or dead one keeps; in Dubbo 30% and 0%, which is disabled',
      }),
  })
  .superRefine((options, context) => {
    const wrong = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    const { layout, pattern, username, password, passwordFile, tls, value, marks } = options;
    if ((layout === 'path') !== (pattern !== undefined))
      wrong('pattern', 'belongs to layout: path, and is needed there');
    const fault = pattern === undefined ? undefined : patternFault(pattern, options.service);
    if (fault !== undefined) wrong('pattern', fault);
    if (layout !== 'path' && marks !== undefined) wrong('marks', 'belongs to layout: path');
    if (layout !== 'path' && options.service !== undefined) wrong('service', 'belongs to layout: path');
    if (layout === 'path' && options.root !== undefined) wrong('root', 'the pattern says it');
    if (value === 'none' && !(pattern?.includes('{host}') && pattern.includes('{port}')))
      wrong('value', 'none needs {host} and {port} in the pattern');
    if (value === 'none' && marks === 'value') wrong('marks', 'there is no value: use node');
    if (layout === 'path' && options.weight !== undefined && (marks === 'node' || value === 'none'))
      wrong('weight', 'has no effect: the providers’ nodes are left alone');
    const secrets = [password, passwordFile].filter((one) => one !== undefined).length;
    if (secrets > 1) wrong('passwordFile', 'give either password or passwordFile');
    if (username !== undefined && secrets === 0) wrong('username', 'needs password or passwordFile');
    if (username === undefined && secrets > 0) wrong('password', 'needs username');
    if (username !== undefined && (tls === undefined || tls.insecure) && !options.insecure)
      wrong('username', 'credentials are sent only over verified TLS: set tls, or insecure: true');
    if (username === undefined && options.acl !== undefined && options.acl !== 'open')
      wrong('acl', 'needs username');
    if ((tls?.certFile === undefined) !== (tls?.keyFile === undefined))
      wrong('tls', 'certFile and keyFile belong together');
  });

export type ZookeeperOptions = z.output<typeof zookeeperOptions>;

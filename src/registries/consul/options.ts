/** The options of the registry `consul`. */

import { z } from 'zod';
import { duration, filePath } from '../../options/fields.ts';
import { tlsFields } from '../shared/tls.ts';

const endpoint = z
  .url({ protocol: /^https?$/, error: 'not an endpoint: write it as http://127.0.0.1:8500' })
  .refine((text) => isOrigin(text), 'must be scheme, host and port only; a token is given as tokenFile')
  .transform((text) => new URL(text).origin);

const name = z.string().min(1);

export const consulOptions = z
  .strictObject({
    endpoints: z
      .array(endpoint)
      .min(1)
      .prefault(['http://127.0.0.1:8500'])
      .meta({ description: 'URLs of agents or servers; the next one is asked when one fails' }),
    datacenter: name.optional().meta({ description: 'Another one than that of the agent' }),
    namespaces: z
      .array(name)
      .min(1)
      .optional()
      .meta({ description: 'Namespaces to follow (Enterprise only); sonde calls them so too' }),
    partition: name.optional().meta({ description: 'Admin partition (Enterprise only)' }),
    token: name.optional(),
    tokenFile: filePath.optional().meta({ description: 'File with the ACL token, read for every call' }),
    anonymous: z.boolean().default(false).meta({
      description: 'Go without a token where ACLs are on: what it may not see looks as if it were not there',
    }),
    partial: z.boolean().default(false).meta({
      description:
        'Be content with the services that the token may see; a service that it loses is a failure',
    }),
    tls: z
      .strictObject({
        ...tlsFields,
        serverName: name.optional(),
      })
      .prefault({}),
    insecure: z.boolean().default(false).meta({ description: 'Send the token without verified TLS' }),
    timeout: duration
      .refine((ms) => ms > 0, 'must be more than nothing')
      .default(3_000)
      .meta({ description: 'For each call, beside the time that it may wait for news' }),
    wait: duration
      .refine((ms) => ms >= 1_000 && ms <= 600_000, 'must be from 1s to 10m')
      .default(45_000)
      .meta({ description: 'How long a call waits for news: less than what idle connections are cut after' }),
    watches: z
      .number()
      .int()
      .min(1)
      .max(150)
      .default(64)
      .meta({ description: 'Services that are waited for at once; more of them take turns of 10 s' }),
    stale: z
      .boolean()
      .default(false)
      .meta({ description: 'Let any server answer, not the leader alone; at most 10 s behind' }),
    services: z
      .array(name)
      .min(1)
      .optional()
      .meta({ description: 'Exactly these services, instead of all that the catalog lists' }),
    nodes: z
      .enum(['all', 'external'])
      .default('all')
      .meta({ description: 'external: only services of nodes that consul-esm would look after' }),
    externalNodeMeta: z
      .record(name, z.string())
      .prefault({ 'external-node': 'true' })
      .meta({ description: 'Metadata by which an external node is known' }),
    externalNodes: z
      .strictObject({
        service: name.meta({ description: 'Name of the service that they are instances of' }),
        port: z
          .number()
          .int()
          .min(1)
          .max(65_535)
          .default(22)
          .meta({ description: 'A node has none; for what looks at one' }),
      })
      .optional()
      .meta({ description: 'External nodes with external-probe "true" are instances too' }),
    externalChecks: z.enum(['adopt', 'own']).default('adopt').meta({
      description:
        'adopt: write into the checks defined for external nodes; own: into a check of sonde’s own',
    }),
    esmService: name
      .default('consul-esm')
      .meta({ description: 'While this service is passing, checks of external nodes are left to it' }),
    agents: z.enum(['none', 'own', 'all']).default('none').meta({
      description:
        'Write for services of nodes with an agent through that agent: its own (endpoints), or all',
    }),
    agentPort: z.number().int().min(1).max(65_535).default(8_500).meta({ description: 'For agents: all' }),
    subHealthyAs: z.enum(['warning', 'passing', 'critical']).default('warning').meta({
      description: 'Status of sub-healthy; passing where consumers drop what is not passing',
    }),
    restartGrace: duration.default(120_000).meta({
      description: 'How long what is missing is waited for when Consul has gone back in time',
    }),
  })
  .superRefine((options, context) => {
    const wrong = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: path.split('.'), message });
    const { token, tokenFile, tls, endpoints, agents, anonymous } = options;
    const secret = token ?? tokenFile;
    if (token !== undefined && tokenFile !== undefined) wrong('tokenFile', 'give either token or tokenFile');
    if (secret !== undefined && anonymous) wrong('anonymous', 'has no effect beside a token');
    const plain = tls.insecure || endpoints.some((one) => one.startsWith('http:'));
    if (secret !== undefined && plain && !options.insecure)
      wrong(
        token === undefined ? 'tokenFile' : 'token',
        'the token is sent only over verified TLS: use https endpoints, or insecure: true',
      );
    if ((tls.certFile === undefined) !== (tls.keyFile === undefined))
      wrong('tls.certFile', 'certFile and keyFile belong together');
    if (agents === 'own' && endpoints.length > 1)
      wrong('agents', 'own needs one endpoint: the agent of the node that sonde runs on');
  });

/** What is no URL at all is told as such. */
function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return true;
  const { pathname, search, hash, username, password } = new URL(text);
  return pathname === '/' && [search, hash, username, password].every((part) => part === '');
}

export type ConsulOptions = z.output<typeof consulOptions>;

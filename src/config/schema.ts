/** The shape of the configuration file (DESIGN 3.2), but for the options of kinds, which stand flat beside `kind`. */

import { z } from 'zod';
import { bytes, duration, filePath, network, share } from '../options/fields.ts';
import { LISTEN_PATTERN, parseListen } from './listen.ts';
import { isSecretKey } from './secret.ts';

/** What is wrong is the value itself, whatever stands beside it. */
const VALUE = { about: 'value' };

const name = z
  .string()
  .regex(
    /^[\p{L}\p{N}][\p{L}\p{N}._-]{0,99}$/u,
    'a name is up to 100 letters, digits and . _ -, a letter or digit first',
  );

const NO_ADDRESS = 'not an address to listen at: write host:port';

const listen = z
  .string()
  .regex(LISTEN_PATTERN, NO_ADDRESS)
  .transform((text, context) => {
    const parsed = parseListen(text);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: NO_ADDRESS, params: VALUE });
    return z.NEVER;
  })
  .meta({ description: 'host:port', examples: ['127.0.0.1:9810', '[::1]:9810'] });

const whole = (least: number, most: number) => z.number().int().min(least).max(most);

const DAY = 86_400_000;

function span(least: number, description: string) {
  return duration
    .refine((ms) => ms >= least && ms <= 7 * DAY, {
      error: least === 0 ? 'at most 7d' : `at least ${least}ms and at most 7d`,
      params: VALUE,
    })
    .meta({ description, examples: ['500ms', '5s', '1m30s'] });
}

function size(least: number) {
  return bytes.refine((count) => count >= least, { error: `at least ${least} bytes`, params: VALUE });
}

const server = z.strictObject({
  listen: listen.prefault('127.0.0.1:9810').meta({ description: 'Where everything is served' }),
  telemetry: listen.optional().meta({
    description: 'A second, read-only listener: /livez /readyz /health/… /metrics…',
    examples: ['0.0.0.0:9811'],
  }),
  socket: filePath.optional().meta({ description: 'Unix socket on which changes need no token' }),
  tokenFile: filePath.optional().meta({
    description: 'Token for what changes state; made with mode 0600 if it is missing',
  }),
  tls: z
    .strictObject({
      certFile: filePath.meta({
        description: 'PEM: the certificate, and those between it and its authority',
      }),
      keyFile: filePath.meta({ description: 'PEM: its key' }),
    })
    .optional()
    .meta({ description: 'listen speaks TLS; telemetry and socket stay plain' }),
  names: z
    .array(z.string().regex(/^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?$/, 'not a name of a host'))
    .default([])
    .meta({ description: 'Names under which changes may be asked for, beside localhost and IP addresses' }),
});

const writeMode = z.enum(['apply', 'dry-run', 'observe']);

const write = z.strictObject({
  mode: writeMode.default('dry-run').meta({
    description:
      'apply: write; dry-run: only show what would be written; observe: take back what was written before',
  }),
  writer: name.default('sonde').meta({ description: 'Name in the mark' }),
  maxPerSecond: z.number().min(0.1).max(10_000).default(50).meta({
    description: 'Writes per second of the whole registry; bursts of ten times that',
  }),
  perInstanceEvery: span(
    0,
    'One more write of the same instance each such time, three at once; default 10s',
  ).prefault('10s'),
});

const networks = z.strictObject({
  allow: z.array(network).min(1).optional().meta({
    description: 'Only these may be called; default all but link-local and metadata addresses',
  }),
  deny: z.array(network).default([]).meta({ description: 'These are never called; wins over allow' }),
});

const brake = z.strictObject({
  allowance: share.prefault('5%').meta({
    description:
      "Share of the registry's instances that may be written dead within 60s at once; 3 always may",
  }),
  freezeAbove: share.prefault('60%').meta({ description: 'Above this share nothing more is written dead' }),
});

/** Beside it stand the options of the kind. */
export const registryFields = z.strictObject({
  name: name.meta({ description: 'Name of the registry, unique' }),
  kind: z.string().meta({ description: 'What it is' }),
  write: write.prefault({}).meta({ description: 'What is written back' }),
  networks: networks.prefault({}).meta({ description: 'Which addresses of its instances may be called' }),
  guard: brake.prefault({}).meta({ description: 'The brake on writes of dead' }),
});

const glob = z.string().min(1);
const globs = z
  .union([glob.transform((one) => [one]), z.array(glob).min(1)], {
    error: 'a glob or a list of globs, each a text',
  })
  .meta({ description: 'Glob or list of globs: * any run of characters, ? one; a leading ! excludes' });

const match = z.strictObject({
  registry: globs.optional(),
  namespace: globs.optional(),
  service: globs.optional(),
  metadata: z
    .record(z.string(), globs)
    .optional()
    .meta({ description: 'Globs for values of metadata, by key' }),
});
const matchField = match.prefault({}).meta({ description: 'Which instances; absent keys match everything' });

const times = {
  interval: span(10, 'From one look to the next'),
  edgeInterval: span(10, 'The same while a change is pending; default interval'),
  deadInterval: span(10, 'The same while dead; default interval'),
  timeout: span(1, 'For a whole look'),
  connectTimeout: span(1, 'For establishing the connection'),
  startPeriod: span(0, 'After an instance appeared, failures do not count this long, until its first pass'),
};

const ruleName = z.string().min(1).meta({ description: 'Name under rules, or standard' });

const optionalTimes = z.strictObject(times).partial();

const defaults = optionalTimes.extend({ rule: ruleName.optional() });

/** Beside it stand the options of the kind. */
export const kindFields = z.strictObject({ kind: z.string() });
const anyOptions = z.looseObject(kindFields.shape);

export const checkFields = z.strictObject({
  name: name.meta({ description: 'Name of the check, unique' }),
  match: matchField,
  probe: anyOptions.meta({ description: 'How to look: a kind and its options' }),
  ...optionalTimes.shape,
  rule: ruleName.optional(),
  shadow: ruleName.optional().meta({
    description: 'A second rule that is judged on the same looks; what it finds is shown and never written',
  }),
});

const policy = z.strictObject({
  match: matchField,
  guard: z
    .strictObject({
      maxUnavailable: share.optional().meta({
        description: 'Share of a service that may be unavailable through us at most; default 50%',
      }),
    })
    .optional(),
  write: z
    .strictObject({
      mode: writeMode.optional().meta({ description: "Stricter than the registry's, never laxer" }),
    })
    .optional(),
});

const engine = z.strictObject({
  concurrency: whole(1, 100_000).default(512).meta({ description: 'Looks in flight at once' }),
  perHost: whole(1, 10_000).default(8).meta({ description: 'Looks in flight at one host' }),
  scripts: whole(1, 1_000).default(4).meta({ description: 'Scripts running at once' }),
  extraLooks: share.prefault('50%').meta({
    description:
      'Looks beside the schedule, to confirm a suspicion, as a share of the scheduled ones in the long run',
  }),
  threads: z.literal(0).default(0).meta({ description: 'Only 0 for now: everything in one thread' }),
});

const text = z.string().min(1);

const webhook = z
  .strictObject({
    name: name.meta({ description: 'Name of the webhook, unique' }),
    url: z
      .url({ protocol: /^https?$/, error: 'must be a URL that starts with http:// or https://' })
      .meta({ description: 'Where events are posted to', examples: ['https://hooks.example.com/sonde'] }),
    secret: z
      .union([text.transform((one) => [one]), z.array(text).min(1)], { error: 'a text or a list of texts' })
      .optional()
      .meta({
        description: 'Signs what is posted; one of a list may be new while another is still believed',
      }),
    secretFile: filePath.optional().meta({ description: 'Its twin: the file that holds the secret' }),
    events: z
      .array(z.enum(['transition', 'write-failure', 'registry']))
      .min(1)
      .default(['transition', 'write-failure'])
      .meta({ description: 'What it is told of' }),
    match: matchField,
    timeout: span(100, 'For one delivery; default 10s').prefault('10s'),
    headers: z
      .record(z.string().regex(/^[\w!#$%&'*+.^|~-]+$/, 'not a name of a header'), z.string())
      .default({})
      .meta({
        description: 'Sent beside our own, which win; their values are shown nowhere',
      }),
    insecure: z.boolean().default(false).meta({ description: 'Send credentials without TLS' }),
  })
  .refine(
    ({ url, headers, insecure }) =>
      insecure || url.startsWith('https:') || !carriesCredentials(url, Object.keys(headers)),
    {
      // Words of the URL, which is never shown, would hide the message too.
      error: 'credentials are sent only over verified TLS, or with insecure: true',
      path: ['url'],
    },
  )
  .refine(({ secret, secretFile }) => secret === undefined || secretFile === undefined, {
    error: 'give either secret or secretFile',
    path: ['secretFile'],
  });

function carriesCredentials(url: string, headers: readonly string[]): boolean {
  if (!URL.canParse(url)) return false;
  const { username, password } = new URL(url);
  return username !== '' || password !== '' || headers.some(isSecretKey);
}

const consumerFields = {
  name: name.meta({ description: 'Name of the consumer, unique' }),
  match: matchField,
  subHealthyWeight: share.prefault('30%').meta({
    description: 'Share of its weight that a sub-healthy instance keeps',
  }),
};

const consumer = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({
      ...consumerFields,
      kind: z.literal('haproxy-agent').meta({ description: 'Answers the agent checks of HAProxy' }),
      listen: listen.meta({ description: 'Where HAProxy asks: its agent-addr and agent-port' }),
      dead: z.enum(['down', 'drain']).default('down').meta({
        description: 'What a dead instance is called; drain lets sessions end that have begun there',
      }),
    }),
    z.strictObject({
      ...consumerFields,
      kind: z
        .literal('nginx-upstreams')
        .meta({ description: 'Keeps a file of upstreams that nginx includes' }),
      path: filePath.meta({ description: 'The file, replaced as a whole' }),
      upstream: z
        .string()
        .min(1)
        .default('{service}')
        .meta({ description: 'Name of the upstream of a service: {registry}, {namespace}, {service}' }),
      directives: z
        .array(z.string().regex(/^[^;{}#\n]+$/, 'one directive without its semicolon'))
        .default([])
        .meta({
          description: 'Go into each upstream as they are',
          examples: [['least_conn', 'keepalive 16']],
        }),
      reload: z
        .array(z.string().min(1))
        .default([])
        .meta({
          description: 'Words of the program that has nginx read it',
          examples: [['nginx', '-s', 'reload']],
        }),
      reloadEvery: span(0, 'From one reload to the next at least; default 1s').prefault('1s'),
    }),
  ],
  { error: 'a consumer is of the kind haproxy-agent or nginx-upstreams' },
);

const anchor = z
  .string()
  .refine((one) => isAnchor(one), {
    error: 'neither an http:// or https:// URL nor host:port',
    params: VALUE,
  })
  .refine((one) => !hasCredentials(one), {
    error: 'anchors are shown, and any answer will do: leave the credentials out',
    params: VALUE,
  })
  .meta({
    description: 'A URL or host:port that is reached whenever anything is',
    examples: ['10.0.0.1:53', 'http://gateway.internal/'],
  });

function hasCredentials(one: string): boolean {
  if (!URL.canParse(one)) return false;
  const { username, password } = new URL(one);
  return username !== '' || password !== '';
}

function isAnchor(one: string): boolean {
  if (/^https?:\/\//.test(one)) return URL.canParse(one);
  const place = parseListen(one);
  return place !== undefined && place.port > 0;
}

export const fileSchema = z.strictObject({
  version: z.literal(1).meta({ description: 'Version of this format' }),
  server: server.prefault({}).meta({ description: 'Where sonde is reached' }),
  state: z
    .strictObject({
      dir: filePath.meta({ description: 'Folder for what must survive a restart' }),
      maxSize: size(1_048_576)
        .prefault('256MiB')
        .meta({
          description: 'What its journal takes at most; at least 1MiB',
          examples: ['256MiB', '1GiB'],
        }),
    })
    .optional()
    .meta({ description: 'Absent: nothing is kept on disk' }),
  registries: z
    .array(z.looseObject(registryFields.shape))
    .default([])
    .meta({ description: 'Where instances are known' }),
  defaults: defaults.prefault({}).meta({ description: 'For checks that do not say otherwise' }),
  rules: z.record(name, anyOptions).default({}).meta({ description: 'How looks are judged, by name' }),
  checks: z.array(checkFields).default([]).meta({ description: 'What to do to instances that match' }),
  policies: z.array(policy).default([]).meta({
    description: 'Guard and write-back by service; the last that matches wins, key by key',
  }),
  webhooks: z.array(webhook).default([]).meta({ description: 'Who else is told what happens' }),
  consumers: z.array(consumer).default([]).meta({
    description:
      'Who asks no registry and is told what sonde says of the instances of registries in the mode apply',
  }),
  localHealth: z
    .strictObject({
      anchors: z.array(anchor).default([]).meta({
        description: 'While most of these are not reached the prober suspects itself, not its targets',
      }),
    })
    .prefault({})
    .meta({ description: 'How the prober doubts itself' }),
  engine: engine.prefault({}).meta({ description: 'How much at once' }),
  reload: z
    .strictObject({
      every: duration
        .refine((ms) => ms === 0 || (ms >= 1_000 && ms <= DAY), { error: '0s, or 1s to 1d', params: VALUE })
        .prefault('5s')
        .meta({
          description: 'How often the content of all files is looked at for changes; 0s: only when told to',
          examples: ['5s', '0s'],
        }),
    })
    .prefault({})
    .meta({ description: 'When the configuration is read again' }),
  plugins: z
    .array(filePath)
    .default([])
    .meta({ description: 'ES modules with probes, rules and registries of your own' }),
});

export type DecodedFile = z.output<typeof fileSchema>;

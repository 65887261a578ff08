/** A kubeconfig file, as far as a program without a terminal can use it: what it says of one context. Pure. */

import { parse } from 'yaml';
import { z } from 'zod';

/** Empty is as good as not there. */
const text = z
  .string()
  .optional()
  .transform((value) => (value === '' ? undefined : value));

const user = z.looseObject({
  token: text,
  tokenFile: text,
  'client-certificate': text,
  'client-certificate-data': text,
  'client-key': text,
  'client-key-data': text,
  username: text,
  exec: z.unknown().optional(),
  'auth-provider': z.unknown().optional(),
});

type User = z.output<typeof user>;

const kubeconfig = z.looseObject({
  'current-context': z.string().optional(),
  clusters: z.array(
    z.looseObject({
      name: z.string(),
      cluster: z.looseObject({
        server: z.url({ protocol: /^https?$/ }),
        'certificate-authority': text,
        'certificate-authority-data': text,
        'insecure-skip-tls-verify': z.boolean().default(false),
        'tls-server-name': text,
        'proxy-url': text,
      }),
    }),
  ),
  contexts: z.array(
    z.looseObject({ name: z.string(), context: z.looseObject({ cluster: z.string(), user: z.string() }) }),
  ),
  users: z
    .array(
      z.looseObject({
        name: z.string(),
        user: user.nullish(),
      }),
    )
    .nullish(),
});

/** Text that stands in the kubeconfig, or the path of a file that has it. */
export type Source = { readonly text: string } | { readonly file: string };

export interface ContextOf {
  readonly server: string;
  readonly serverName: string | undefined;
  readonly verify: boolean;
  readonly ca: Source | undefined;
  readonly cert: Source | undefined;
  readonly key: Source | undefined;
  readonly token: Source | undefined;
}

/** What the file says of the context, or a sentence that says why it cannot be used. */
export function contextOf(yaml: string, context: string | undefined): ContextOf | string {
  const decoded = kubeconfig.safeParse(parsed(yaml));
  if (!decoded.success) {
    const [issue] = decoded.error.issues;
    return `not a kubeconfig: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
  }
  const { clusters, contexts, users } = decoded.data;
  const name = context ?? decoded.data['current-context'] ?? '';
  if (name === '') return 'it has no current-context; name one as context';
  const chosen = contexts.find((one) => one.name === name)?.context;
  if (chosen === undefined) return `it has no context ${name}`;
  const cluster = clusters.find((one) => one.name === chosen.cluster)?.cluster;
  if (cluster === undefined) return `it has no cluster ${chosen.cluster}`;
  const found = (users ?? []).find((one) => one.name === chosen.user)?.user ?? user.parse({});
  const unusable = unusableOf(found, cluster);
  if (unusable !== undefined) return unusable;
  return {
    server: cluster.server,
    serverName: cluster['tls-server-name'],
    verify: !cluster['insecure-skip-tls-verify'],
    ca: sourceOf(cluster['certificate-authority-data'], cluster['certificate-authority']),
    cert: sourceOf(found['client-certificate-data'], found['client-certificate']),
    key: sourceOf(found['client-key-data'], found['client-key']),
    token: tokenOf(found),
  };
}

/** As kubectl has it: the file wins. */
function tokenOf({ token, tokenFile }: User): Source | undefined {
  if (tokenFile !== undefined) return { file: tokenFile };
  return token === undefined ? undefined : { text: token };
}

/** Ways of logging in that need a program of somebody else, or that the apiserver no longer has. */
function unusableOf(user: User, cluster: { readonly 'proxy-url'?: string | undefined }): string | undefined {
  if (user.exec !== undefined && user.exec !== null)
    return 'its user logs in by a program (exec), which sonde does not run; use a token or a client certificate';
  if (user['auth-provider'] !== undefined && user['auth-provider'] !== null)
    return 'its user logs in by an auth-provider, which Kubernetes has removed; use a token or a client certificate';
  if (user.username !== undefined)
    return 'its user logs in by a password, which Kubernetes has removed; use a token or a client certificate';
  if (cluster['proxy-url'] !== undefined) return 'its cluster is behind a proxy-url, which sonde cannot use';
  return undefined;
}

function sourceOf(data: string | undefined, file: string | undefined): Source | undefined {
  // As kubectl has it: the data win.
  if (data !== undefined) return { text: Buffer.from(data, 'base64').toString('utf8') };
  return file === undefined ? undefined : { file };
}

function parsed(yaml: string): unknown {
  try {
    return parse(yaml, { logLevel: 'error' });
  } catch {
    return undefined;
  }
}

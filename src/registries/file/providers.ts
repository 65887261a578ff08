/** Reads `providers.yaml` (DESIGN 3.7), YAML or JSON, with the place of every mistake. Pure. */

import { type Document, isNode, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';

const metadata = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String))
  .default({});

const provider = z.strictObject({
  host: z.string().min(1),
  port: z.number().int().min(1).max(65_535),
  id: z.string().min(1).exactOptional(),
  metadata,
  enabled: z.boolean().default(true),
  draining: z.boolean().default(false),
  weight: z.number().min(0).exactOptional(),
});

/** Both stand before a slash in the keys of the status file. */
const name = z
  .string()
  .min(1)
  .regex(/^[^/]*$/, 'must not contain a slash');

/** A list that is missing may be half of a file: that there is nothing must be said. */
const listed = { error: 'must be a list; write [] where there is nothing' };

const providers = z.strictObject({
  version: z.literal(1).exactOptional(),
  services: z.array(
    z.strictObject({
      name,
      namespace: name.default('default'),
      metadata,
      instances: z.array(provider, listed),
    }),
    listed,
  ),
});

export type Provider = z.output<typeof provider>;

export interface ProviderService {
  readonly namespace: string;
  readonly name: string;
  /** By id, or host:port where they have none. */
  readonly instances: ReadonlyMap<string, Provider>;
}

/** The mistake, with `line:col`. */
export class ProvidersError extends Error {}

/** An alias without its anchor is an error only when it is followed. */
function plainOf(document: Document): unknown {
  try {
    return document.toJS() as unknown;
  } catch (error) {
    throw new ProvidersError(`1:1: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export function parseProviders(text: string): readonly ProviderService[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false });
  const at = (path: readonly PropertyKey[]): string => {
    for (let length = path.length; length >= 0; length--) {
      const node = document.getIn(path.slice(0, length), true);
      if (!isNode(node) || !node.range) continue;
      const { line, col } = lines.linePos(node.range[0]);
      return `${line}:${col}`;
    }
    return '1:1';
  };
  const [broken] = document.errors;
  if (broken !== undefined) {
    const { line, col } = lines.linePos(broken.pos[0]);
    throw new ProvidersError(`${line}:${col}: ${broken.message}`);
  }
  const decoded = providers.safeParse(plainOf(document));
  if (!decoded.success) {
    const issue = decoded.error.issues[0];
    const path = issue?.path ?? [];
    throw new ProvidersError(`${at(path)}: ${path.map(String).join('.')}: ${issue?.message ?? 'wrong'}`);
  }
  const services = new Map<string, { at: string; service: ProviderService }>();
  for (const [index, { name, namespace, metadata: shared, instances }] of decoded.data.services.entries()) {
    const here = at(['services', index]);
    const twin = services.get(`${namespace}/${name}`);
    if (twin !== undefined)
      throw new ProvidersError(`${here}: service ${namespace}/${name} stands at ${twin.at} already`);
    const byKey = new Map<string, Provider>();
    const places = new Map<string, string>();
    for (const [position, one] of instances.entries()) {
      const place = at(['services', index, 'instances', position]);
      const key = one.id ?? `${one.host}:${one.port}`;
      const before = places.get(key);
      if (before !== undefined)
        throw new ProvidersError(
          `${place}: instance ${key} of ${namespace}/${name} stands at ${before} already`,
        );
      places.set(key, place);
      byKey.set(key, { ...one, metadata: { ...shared, ...one.metadata } });
    }
    services.set(`${namespace}/${name}`, { at: here, service: { namespace, name, instances: byKey } });
  }
  return [...services.values()].map(({ service }) => service);
}

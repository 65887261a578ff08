/**
 * Rule documents of Dubbo's config center: YAML that sonde shares with people and consoles, so that only its own items
 * are touched and all else, comments too, stays (ConfigParser, ConfiguratorConfig, ConfigItem). Pure.
 */

import { type Document, isMap, isSeq, parseDocument } from 'yaml';
import { z } from 'zod';
import { formatServiceKey, type ServiceKey } from './dubbo-url.ts';

/** What sonde puts there for one provider. */
export interface RuleItem {
  /** `host:port`. */
  readonly provider: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const SUFFIX = '.configurators';

/** Name of the node (DynamicConfiguration.getRuleKey): empty parts are kept. */
export function documentName({ interface: name, group, version }: ServiceKey): string {
  return `${name}:${version}:${group}${SUFFIX}`;
}

export function isDocumentName(name: string): boolean {
  return name.endsWith(SUFFIX);
}

/** Name of the interface that the document is about; undefined for one of an application. */
export function interfaceOfDocument(name: string): string | undefined {
  const [key, ...parts] = name.slice(0, -SUFFIX.length).split(':');
  return parts.length === 2 ? key : undefined;
}

const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const texts = z
  .array(text)
  .nullish()
  .transform((list) => list ?? []);

const item = z.looseObject({
  side: z.string().nullish(),
  type: z.string().nullish(),
  enabled: text.nullish(),
  addresses: texts,
  providerAddresses: texts,
  applications: texts,
  match: z.unknown().optional(),
  parameters: z
    .record(z.string(), text)
    .nullish()
    .transform((parameters) => parameters ?? {}),
});

const document = z.looseObject({
  enabled: text.nullish(),
  configs: z
    .array(item)
    .nullish()
    .transform((items) => items ?? []),
});

type Item = z.output<typeof item>;

export interface RuleDocument {
  /** Somebody switched it off as a whole. */
  readonly off: boolean;
  readonly items: readonly Item[];
}

/** Undefined where it is not such a document: a list of URLs in JSON, which Dubbo reads too, or no YAML. */
export function readDocument(yaml: string): RuleDocument | undefined {
  const parsed = parseDocument(yaml);
  if (parsed.errors.length > 0) return undefined;
  const decoded = document.safeParse(toPlain(parsed));
  if (!decoded.success) return undefined;
  return { off: decoded.data.enabled === 'false', items: decoded.data.configs };
}

/** Aliases that multiply without end are refused by an error. */
function toPlain(parsed: Document): unknown {
  try {
    return parsed.toJS();
  } catch {
    return undefined;
  }
}

function isSame(found: Item, own: RuleItem): boolean {
  const { side, providerAddresses, parameters, addresses, applications, match } = found;
  return (
    side === 'consumer' &&
    providerAddresses.length === 1 &&
    providerAddresses[0] === own.provider &&
    addresses.length + applications.length === 0 &&
    match === undefined &&
    JSON.stringify(parameters) === JSON.stringify(own.parameters)
  );
}

export function hasItem({ items }: RuleDocument, own: RuleItem): boolean {
  return items.some((found) => isSame(found, own));
}

/** Rules of others for this very provider, as far as they say whether and how much it is used. */
export function foreignItems(
  { items, off }: RuleDocument,
  provider: string,
  own: readonly RuleItem[],
): readonly Readonly<Record<string, string>>[] {
  if (off) return [];
  return items
    .filter((found) => found.providerAddresses.includes(provider) && found.enabled !== 'false')
    .filter((found) => !own.some((one) => isSame(found, one)))
    .map(({ parameters }) => parameters)
    .filter(decidesUse);
}

function decidesUse(parameters: Readonly<Record<string, string>>): boolean {
  return 'disabled' in parameters || 'weight' in parameters;
}

export interface Edit {
  readonly remove: readonly RuleItem[];
  readonly add: readonly RuleItem[];
  /** Providers of which no other rule shall stay that says whether and how much they are used. */
  readonly overruled: readonly string[];
}

/**
 * The document after the edits; `yaml` undefined: there is none yet. An answer of undefined: none shall be left. Of a
 * document without items Dubbo keeps the rules that it had before (Configurator.toConfigurators), so it must go.
 */
export function editDocument(
  yaml: string | undefined,
  service: ServiceKey | undefined,
  edits: readonly Edit[],
): string | undefined {
  const parsed: Document = parseDocument(yaml ?? '');
  if (yaml === undefined || parsed.contents === null) {
    parsed.contents = parsed.createNode({
      configVersion: 'v2.7',
      scope: 'service',
      ...(service === undefined ? {} : { key: formatServiceKey(service) }),
      enabled: true,
      configs: [],
    });
  }
  const found = parsed.get('configs');
  const configs = isSeq(found) ? found : parsed.createNode([]);
  if (configs !== found) parsed.set('configs', configs);
  const removed = edits.flatMap(({ remove }) => remove);
  const overruled = edits.flatMap((edit) => edit.overruled);
  configs.items = configs.items.filter((node) => {
    const decoded = isMap(node) ? item.safeParse(node.toJS(parsed)) : undefined;
    if (decoded?.success !== true) return true;
    const { providerAddresses: addresses, parameters } = decoded.data;
    const [address = '', ...more] = addresses;
    if (overruled.includes(address) && more.length === 0 && decidesUse(parameters)) return false;
    return !removed.some((own) => isSame(decoded.data, own));
  });
  for (const own of edits.flatMap(({ add }) => add))
    configs.add(
      parsed.createNode({
        side: 'consumer',
        providerAddresses: [own.provider],
        parameters: Object.fromEntries(
          Object.entries(own.parameters).map(([key, value]) => [key, plainOf(value)]),
        ),
      }),
    );
  configs.flow = false;
  return configs.items.length === 0 ? undefined : parsed.toString();
}

function plainOf(value: string): string | number | boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  return /^[0-9]+(\.[0-9]+)?$/.test(value) ? Number(value) : value;
}

/** Reads Prometheus' text format strictly, as its own parser does: heads first, families in one piece, no series twice. */

interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ParsedFamily {
  readonly type: string;
  readonly help: string;
  readonly samples: readonly ParsedSample[];
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/s;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:\\[\\"n]|[^\\"])*)"(,|$)/gsy;

export function parseExposition(text: string): ReadonlyMap<string, ParsedFamily> {
  if (!text.endsWith('\n')) throw new Error('does not end with a newline');
  const families = new Map<string, ParsedFamily & { samples: ParsedSample[] }>();
  const seen = new Set<string>();
  let current: { name: string; help: string } | undefined;
  for (const row of text.split('\n')) {
    if (row === '') continue;
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(row) ?? [];
    if (keyword === 'HELP') {
      if (families.has(name)) throw new Error(`${name} twice`);
      current = { name, help: rest };
    } else if (keyword === 'TYPE') {
      if (current?.name !== name) throw new Error(`type of ${name} without help`);
      families.set(name, { type: rest, help: current.help, samples: [] });
    } else {
      const sample = parseSample(row);
      const family = current === undefined ? undefined : families.get(current.name);
      const owner =
        family?.type === 'histogram' ? sample.name.replace(/_(bucket|sum|count)$/, '') : sample.name;
      if (family === undefined || owner !== current?.name)
        throw new Error(`${row} stands outside its family`);
      const key = JSON.stringify([sample.name, Object.entries(sample.labels).toSorted()]);
      if (seen.has(key)) throw new Error(`${key} twice`);
      seen.add(key);
      family.samples.push(sample);
    }
  }
  return families;
}

function parseSample(row: string): ParsedSample {
  const [, name, pairs = '', value = ''] = SAMPLE.exec(row) ?? [];
  if (name === undefined) throw new Error(`no sample: ${row}`);
  const labels: Record<string, string> = {};
  let read = 0;
  for (const [whole, label = '', text = ''] of pairs.matchAll(LABEL)) {
    labels[label] = text.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
    read += whole.length;
  }
  if (read !== pairs.length) throw new Error(`bad labels: ${row}`);
  const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value);
  if (Number.isNaN(number) && !/^nan$/i.test(value)) throw new Error(`no number: ${row}`);
  return { name, labels, value: number };
}

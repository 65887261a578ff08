/**
 * The part of JSONPath (RFC 9535) that names exactly one place: `$`, `.name`, `['name']`, `[index]`. No wildcards, filters
 * or slices, so a path costs what its length is.
 */

export type JsonPath = readonly (string | number)[];

const STEP =
  /\.([\p{L}_][\p{L}\p{N}_-]*)|\[(-?[0-9]{1,9})\]|\['((?:[^'\\]|\\['\\])*)'\]|\["((?:[^"\\]|\\["\\])*)"\]/uy;

/** The steps of the path, or undefined where the text is none. */
export function parseJsonPath(text: string): JsonPath | undefined {
  if (!text.startsWith('$')) return undefined;
  const path: (string | number)[] = [];
  STEP.lastIndex = 1;
  while (STEP.lastIndex < text.length) {
    const match = STEP.exec(text);
    if (match === null) return undefined;
    const [, name, index, single, double] = match;
    if (index !== undefined) path.push(Number(index));
    else path.push(name ?? (single ?? double ?? '').replace(/\\(.)/g, '$1'));
  }
  return path;
}

/** The value at the place, undefined where there is none; a negative index counts from the end. */
export function atJsonPath(value: unknown, path: JsonPath): unknown {
  let here = value;
  for (const step of path) {
    if (typeof step === 'number') {
      if (!Array.isArray(here)) return undefined;
      here = here.at(step) as unknown;
    } else {
      if (typeof here !== 'object' || here === null || Array.isArray(here) || !Object.hasOwn(here, step))
        return undefined;
      here = (here as Record<string, unknown>)[step];
    }
  }
  return here;
}

/** JSON whose numbers keep the digits they were written with, for text of others that is read, changed and written back. */

/** The proposal "JSON.parse source text access", which Node has and TypeScript's library has not yet. */
interface ExactJson {
  parse(
    text: string,
    revive: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
}

const exact: ExactJson = JSON as unknown as ExactJson;

/** As `JSON.parse`; numbers that JavaScript would write differently become opaque values for `JSON.stringify`. */
export function parseExactJson(text: string): unknown {
  return exact.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source
      ? exact.rawJSON(source)
      : value,
  );
}

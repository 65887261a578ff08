/** `${env:NAME:-default}`, `${file:/path}` and `$$` in values, after the rule of OpenTelemetry's declarative configuration. Pure. */

export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'env'; readonly name: string; readonly fallback: readonly Part[] | undefined }
  | { readonly kind: 'file'; readonly path: string }
  /** `${instance.…}` is the probe's to fill in; only its default is looked at here. `head` is `instance.port`. */
  | { readonly kind: 'instance'; readonly head: string; readonly fallback: readonly Part[] | undefined };

/** Thrown with a sentence about what is wrong. */
export class InterpolationError extends Error {}

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Reads a value once: what is filled in is not looked at again. A default may hold references, whose defaults may not. */
export function parseReferences(text: string, depth = 0): readonly Part[] {
  const parts: Part[] = [];
  let literal = '';
  const flush = (): void => {
    if (literal !== '') parts.push({ kind: 'text', text: literal });
    literal = '';
  };
  for (let i = 0; i < text.length; ) {
    if (text.startsWith('$$', i)) {
      literal += '$';
      i += 2;
    } else if (text.startsWith('${', i)) {
      const end = closingBrace(text, i + 2);
      if (end < 0) throw new InterpolationError('a ${ is not closed by }');
      flush();
      parts.push(parseReference(text.slice(i + 2, end), depth));
      i = end + 1;
    } else {
      literal += text[i];
      i++;
    }
  }
  flush();
  return parts;
}

function closingBrace(text: string, from: number): number {
  let open = 1;
  for (let i = from; i < text.length; i++) {
    if (text.startsWith('$$', i)) i++;
    else if (text.startsWith('${', i)) open++;
    else if (text[i] === '}' && --open === 0) return i;
  }
  return -1;
}

function parseReference(inner: string, depth: number): Part {
  if (inner.startsWith('file:')) {
    const path = inner.slice('file:'.length);
    if (path === '' || path.includes('${'))
      throw new InterpolationError('${file:…} takes a path and nothing else');
    return { kind: 'file', path };
  }
  const at = inner.indexOf(':-');
  const head = at < 0 ? inner : inner.slice(0, at);
  const fallback = at < 0 ? undefined : parseFallback(inner.slice(at + 2), depth);
  if (head.startsWith('instance.')) return { kind: 'instance', head, fallback };
  if (head.startsWith('env:')) {
    const name = head.slice('env:'.length);
    if (!ENV_NAME.test(name)) throw new InterpolationError('${env:NAME} takes letters, digits and _ as name');
    return { kind: 'env', name, fallback };
  }
  throw new InterpolationError(
    ENV_NAME.test(head)
      ? `\${${head}} does not say where from; for the environment write \${env:${head}}`
      : 'a reference is ${env:NAME}, ${file:/path} or ${instance.…}; for the two characters ${ write $${',
  );
}

function parseFallback(text: string, depth: number): readonly Part[] {
  const parts = parseReferences(text, depth + 1);
  if (depth > 0 && parts.some(({ kind }) => kind !== 'text'))
    throw new InterpolationError('defaults nest one level deep');
  return parts;
}

/** What references are filled in from. */
export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The content of a file without its last line end, or why it cannot be read. */
  file(path: string): { readonly text: string } | { readonly error: string };
}

export interface Filled {
  readonly text: string;
  /** Of environment and files, as written, without their defaults. */
  readonly references: readonly string[];
  readonly missing: readonly { readonly kind: 'env' | 'file'; readonly message: string }[];
}

export function fillReferences(parts: readonly Part[], sources: Sources): Filled {
  let text = '';
  const references: string[] = [];
  const missing: Filled['missing'][number][] = [];
  const take = (filled: Filled): string => {
    references.push(...filled.references);
    missing.push(...filled.missing);
    return filled.text;
  };
  for (const part of parts) {
    switch (part.kind) {
      case 'text':
        text += part.text;
        break;
      case 'env': {
        references.push(`\${env:${part.name}}`);
        const value = Object.hasOwn(sources.env, part.name) ? sources.env[part.name] : undefined;
        // As in a shell, `:-` stands in for an empty variable too.
        if (part.fallback !== undefined && (value === undefined || value === ''))
          text += take(fillReferences(part.fallback, sources));
        else if (value !== undefined) text += value;
        else missing.push({ kind: 'env', message: `the environment variable ${part.name} is not set` });
        break;
      }
      case 'file': {
        references.push(`\${file:${part.path}}`);
        const file = sources.file(part.path);
        if ('text' in file) text += file.text;
        else missing.push({ kind: 'file', message: `the file ${part.path} cannot be read: ${file.error}` });
        break;
      }
      case 'instance': {
        const { head, fallback } = part;
        text +=
          fallback === undefined ? `\${${head}}` : `\${${head}:-${take(fillReferences(fallback, sources))}}`;
        break;
      }
      default:
        part satisfies never;
    }
  }
  return { text, references, missing };
}

/** The paths of all files that the parts refer to. */
export function filesOf(parts: readonly Part[]): readonly string[] {
  return parts.flatMap((part) => {
    if (part.kind === 'file') return [part.path];
    return 'fallback' in part && part.fallback !== undefined ? filesOf(part.fallback) : [];
  });
}

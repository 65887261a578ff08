/** How a route describes itself: the one source of `/openapi.json`. */

import type { SchemaName } from './schemas.ts';

export interface About {
  readonly summary: string;
  readonly query?: readonly Parameter[];
  /** Of the body, where there is one. */
  readonly body?: SchemaName;
  /** By status; problem documents are named alone. */
  readonly answers: Readonly<Record<number, Answer>>;
  readonly problems?: readonly number[];
}

export interface Parameter {
  readonly name: string;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

/** A text has its media type in place of a schema; null is an answer without a body. */
type Answer = SchemaName | { readonly mediaType: string } | null;

/** What to do to the instances that match: the decoded form of a check. */

/** Globs (`*` any run of characters, `?` one); a leading `!` excludes. Absent keys match everything. */
export interface Match {
  readonly registry?: readonly string[];
  readonly namespace?: readonly string[];
  readonly service?: readonly string[];
  readonly metadata?: Readonly<Record<string, readonly string[]>>;
}

/** A plugin of a kind with its decoded options. */
export interface Use {
  readonly kind: string;
  readonly options: unknown;
}

export interface Check {
  readonly name: string;
  readonly match: Match;
  readonly probe: Use;
  /** Name under `rules:`, or of a built-in rule. */
  readonly ruleName: string;
  readonly rule: Use;
  /** A second rule that is judged on the same observations and never written. */
  readonly shadow?: { readonly ruleName: string; readonly rule: Use };
  /** Milliseconds, as are all times below. */
  readonly interval: number;
  /** While a change is pending; at most `interval`. */
  readonly edgeInterval: number;
  /** While dead; at least `interval`. */
  readonly deadInterval: number;
  readonly timeout: number;
  readonly connectTimeout: number;
  /** After an instance appeared, failures do not count for this long, until its first pass. */
  readonly startPeriod: number;
}

/** What `sonde doctor` found out about one thing. */

export interface Finding {
  readonly verdict: 'ok' | 'warning' | 'error';
  readonly what: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** Findings about one subject. */
export interface Examination {
  readonly subject: string;
  readonly findings: readonly Finding[];
}

export function ok(what: string): Finding {
  return { verdict: 'ok', what };
}

export function warning(what: string, hint: string): Finding {
  return { verdict: 'warning', what, hint };
}

export function error(what: string, hint: string): Finding {
  return { verdict: 'error', what, hint };
}

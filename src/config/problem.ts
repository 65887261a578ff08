/** What can be wrong with a configuration: problems with a stable code and a place, and the error that carries them all. */

/** The code of a problem and what it is about. Codes are public: none is ever given to something else. */
export const PROBLEM_CODES = {
  SND1001: 'The text is not YAML, or uses a part of YAML that is not taken here',
  SND1002: 'A key stands twice in one map',
  SND1003: 'Unknown key',
  SND1004: 'A key is missing',
  SND1005: 'A value of another type is needed',
  SND1006: 'The value is not one that is allowed',
  SND1007: 'A duration without unit, or written otherwise than 500ms, 5s, 1m30s',
  SND1008: 'Unknown kind of registry, probe or rule',
  SND1009: 'Options that do not go together, or that the kind refuses',
  SND1010: 'A file of the configuration cannot be read',
  SND1011: 'An alias or merge key that leads nowhere, into itself, or to too much',
  SND1101: 'Malformed reference: ${env:NAME}, ${env:NAME:-default}, ${file:/path} or $$ for a dollar',
  SND1102: 'The environment has no such variable, and there is no default',
  SND1103: 'The file of a ${file:…} reference cannot be read',
  SND1201: 'A plugin cannot be loaded',
  SND1202: 'A plugin does not have the shape of one',
  SND1203: 'A plugin takes a name that is taken',
  SND2001: 'Two of a kind have the same name',
  SND2002: 'There is no rule of this name',
  SND2003: 'There is no registry of this name',
  SND2004: 'The timeout is over the interval',
  SND2005: 'The connect timeout is over the timeout',
  SND2006: 'The edge interval is over the interval',
  SND2007: 'The interval while dead is under the interval',
  SND2008: 'A network is not in CIDR notation',
  SND2009: 'A policy is laxer than the write mode of its registries',
  SND2010: 'Two listeners want the same address',
  SND3001: 'A pattern matches no registry',
  SND3002: 'No check looks at the instances of a registry',
  SND3003: 'There is nothing to do',
  SND3004: 'A consumer is told nothing',
} as const;

export type ProblemCode = keyof typeof PROBLEM_CODES;

/** Both count from 1; columns are UTF-16 code units, as editors count them. */
interface Position {
  readonly line: number;
  readonly col: number;
}

/** `end` is the position after the last character. */
export interface Place {
  /** As the user named it. */
  readonly file: string;
  readonly start: Position;
  readonly end: Position;
}

export interface Note extends Place {
  readonly message: string;
}

export interface Problem extends Place {
  readonly code: ProblemCode;
  readonly severity: 'error' | 'warning';
  readonly message: string;
  /** Other places that have to do with it: where a value was inherited from, where an alias is used. */
  readonly notes: readonly Note[];
  readonly hint?: string;
}

/** What messages about problems show of the files: texts by name as in `Place.file`, literal secrets masked. */
export type ShownTexts = ReadonlyMap<string, string>;

/** The configuration is not valid: all its problems. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];
  readonly texts: ShownTexts;

  constructor(problems: readonly Problem[], texts: ShownTexts) {
    const errors = problems.filter(({ severity }) => severity === 'error');
    const [first] = errors;
    const where = first === undefined ? '' : ` ${first.file}:${first.start.line}:${first.start.col}:`;
    const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
    super(`the configuration is not valid:${where} ${first?.message ?? 'unknown'}${more}`);
    this.name = 'ConfigError';
    this.problems = problems;
    this.texts = texts;
  }
}

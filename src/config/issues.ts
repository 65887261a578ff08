/** Turns the issues of schemas into problems in our words, each at its place. */

import type { z } from 'zod';
import { nearest } from '../lib/edit-distance.ts';
import { DURATION_FAULTS, SHARE_FAULTS } from '../options/fields.ts';
import { type Issue, issueOf, knownKeysOf, NO_MESSAGE } from './decode.ts';
import { type Finding, type Findings, usesOf } from './findings.ts';
import type { ProblemCode } from './problem.ts';
import { givesAway, isHidden } from './secret.ts';
import { type Located, locate, type Node, type Path, scalarsOf } from './tree.ts';
import { expected, listed, outOfRange, quoted, received, suggestDuration, suggestShare } from './wording.ts';

export interface Where {
  readonly findings: Findings;
  readonly root: Node;
  /** Where the decoded value stands. */
  readonly base: Path;
  /** Keys beside those of the schema: of what has taken its own off first. */
  readonly siblings?: readonly string[];
  /** What to say of an unknown key that belongs elsewhere; `path` leads to its map. */
  readonly elsewhere?: (path: Path, key: string) => string | undefined;
}

export function tellIssues(issues: readonly Issue[], where: Where): void {
  for (const issue of issues) tell({ ...issue, path: [...where.base, ...issue.path] }, where);
}

/** The paths of issues start at the root from here on. */
function tell(issue: Issue, where: Where): void {
  const { zod } = issue;
  if (zod?.code === 'unrecognized_keys') {
    tellUnknown(zod.keys, issue.path, knownKeysOf(zod), where);
    return;
  }
  const located = locate(where.root, issue.path);
  if (located.node !== undefined && isBroken(located.node)) return;
  if (zod?.code === 'invalid_union') tellUnion(issue, zod, located, where);
  else if (zod?.code === 'invalid_key') {
    const inner = zod.issues.find(({ message }) => message !== NO_MESSAGE)?.message;
    const at = located.handle;
    where.findings.add({ code: 'SND1006', message: inner ?? 'not a key that is allowed here', at });
  } else report(issue, described(issue, located), located, where);
}

function isBroken(node: Node): boolean {
  for (const found of scalarsOf(node)) if (found.node.broken) return true;
  return false;
}

function tellUnknown(keys: readonly string[], path: Path, known: readonly string[], where: Where): void {
  const atBase = path.length === where.base.length;
  const candidates = [...known, ...(atBase ? (where.siblings ?? []) : [])];
  for (const key of keys) {
    const located = locate(where.root, [...path, key]);
    const close = nearest(key, candidates);
    const elsewhere = where.elsewhere?.(path, key);
    const hint = elsewhere ?? (close !== undefined ? `did you mean \`${close}\`?` : listed(candidates));
    where.findings.add({
      code: 'SND1003',
      message: `unknown key \`${key}\``,
      at: located.handle,
      notes: usesOf(located),
      hint,
    });
  }
}

interface Described {
  readonly code: ProblemCode;
  readonly message: string;
  readonly hint?: string | undefined;
  /** The key is to blame, or the value. */
  readonly at?: 'key';
}

function report(issue: Issue, found: Described, located: Located, { findings }: Where): void {
  const { node, span, handle } = located;
  const hidden = node?.kind === 'scalar' && isHidden(node, issue.path);
  const from =
    node?.kind === 'scalar' && node.references.length > 0 ? ` (value of ${node.references.join(', ')})` : '';
  const leaking = givesAway(`${found.message} ${found.hint ?? ''}`, node, issue.path);
  const finding: Finding = {
    code: found.code,
    message: (leaking ? NOT_ALLOWED : found.message) + from,
    // A map or list is long: its key says as well which one.
    at: found.at === 'key' || (node !== undefined && node.kind !== 'scalar') ? handle : span,
    notes: usesOf(located),
    hint: leaking || hidden ? undefined : found.hint,
  };
  findings.add(finding);
}

function described(issue: Issue, located: Located): Described {
  const { zod, message } = issue;
  const { node } = located;
  const own = message === NO_MESSAGE ? undefined : message;
  const typed =
    zod?.code === 'invalid_type' || zod?.code === 'invalid_value' || zod?.code === 'invalid_union';
  const key = String(issue.path.at(-1) ?? '');
  if (typed && node === undefined) return { code: 'SND1004', message: `\`${key}\` is missing`, at: 'key' };
  const value = node?.kind === 'scalar' ? node.value : undefined;
  if (typed && value === null) {
    const nothing = { code: 'SND1005', message: `\`${key}\` has no value`, at: 'key' } as const;
    return { ...nothing, hint: 'give it one, or take the key away' };
  }
  if (own !== undefined && Object.values<string>(DURATION_FAULTS).includes(own))
    return { code: 'SND1007', message: own, hint: suggestDuration(value) };
  if (own !== undefined && Object.values<string>(SHARE_FAULTS).includes(own))
    return { code: 'SND1006', message: own, hint: suggestShare(value) };
  if (zod?.code === 'invalid_type') {
    const message = own ?? `must be ${expected(zod.expected)}, not ${received(node)}`;
    return { code: 'SND1005', message, hint: zod.expected === 'string' ? quoted(value) : undefined };
  }
  if (zod?.code === 'invalid_value') {
    const values = zod.values.map(String);
    const close = typeof value === 'string' ? nearest(value, values) : undefined;
    const message = own ?? `must be ${values.length > 1 ? 'one of ' : ''}${values.join(', ')}`;
    return { code: 'SND1006', message, hint: close === undefined ? undefined : `did you mean \`${close}\`?` };
  }
  if (zod?.code === 'too_small' || zod?.code === 'too_big')
    return { code: 'SND1006', message: own ?? outOfRange(zod) };
  if (zod?.code === 'invalid_union') {
    const texts = zod.errors.some((list) =>
      list.some((one) => 'expected' in one && one.expected === 'string'),
    );
    return { code: 'SND1005', message: own ?? NOT_ALLOWED, hint: texts ? quoted(value) : undefined };
  }
  if (zod?.code === 'custom') return { code: customCode(zod), message: own ?? NOT_ALLOWED };
  // A plugin's own library says what it says; what it is about is not known.
  return { code: zod === undefined ? 'SND1009' : 'SND1006', message: own ?? NOT_ALLOWED };
}

const NOT_ALLOWED = 'not a value that is allowed here';

function customCode({ params }: z.core.$ZodIssueCustom): ProblemCode {
  if (params?.about === 'network') return 'SND2008';
  return params?.about === 'value' ? 'SND1006' : 'SND1009';
}

/** Tells the issues of the alternative that was meant, as far as that can be seen. */
function tellUnion(issue: Issue, zod: z.core.$ZodIssueInvalidUnion, located: Located, where: Where): void {
  const { node } = located;
  const branches = zod.errors.map((list) =>
    list.map((one) => issueOf({ ...one, path: [...issue.path, ...one.path] })),
  );
  const here = (one: Issue): boolean => one.path.length === issue.path.length;
  const isWrongType = (one: Issue): boolean =>
    here(one) && ['invalid_type', 'invalid_value', 'invalid_union'].includes(one.zod?.code ?? '');
  const fitting = branches.filter((branch) => !branch.some(isWrongType));
  if (node === undefined || fitting.length === 0 || (node.kind === 'scalar' && node.value === null)) {
    const wanted = branches.flatMap((branch) => branch.filter(isWrongType).map((one) => wantedBy(one)));
    const message =
      issue.message === NO_MESSAGE ? `must be ${[...new Set(wanted)].join(' or ')}` : issue.message;
    report(issue, described({ ...issue, message }, located), located, where);
    return;
  }
  const unknownIn = (branch: readonly Issue[]) =>
    branch.flatMap((one) => (here(one) && one.zod?.code === 'unrecognized_keys' ? [one.zod] : []));
  const known = new Set(fitting.flatMap(unknownIn).flatMap((one) => knownKeysOf(one)));
  if (node.kind === 'map' && fitting.every((branch) => unknownIn(branch).length > 0)) {
    const unknown = [...node.entries.keys()].filter((key) => !known.has(key));
    if (unknown.length > 0) tellUnknown(unknown, issue.path, [...known], where);
    else {
      const keys = [...node.entries.keys()].map((key) => `\`${key}\``).join(' and ');
      report(issue, { code: 'SND1009', message: `${keys} do not go together` }, located, where);
    }
    return;
  }
  const best = fitting.filter((branch) => unknownIn(branch).length === 0);
  const meant = best.reduce<readonly Issue[] | undefined>(
    (least, branch) => (least === undefined || branch.length < least.length ? branch : least),
    undefined,
  );
  for (const one of meant ?? []) tell(one, where);
}

function wantedBy({ zod }: Issue): string {
  if (zod?.code === 'invalid_type') return expected(zod.expected);
  return zod?.code === 'invalid_value' ? zod.values.map(String).join(', ') : 'something else';
}

/** Decodes the bodies of requests that change state; everything that is wrong with it is told together, by field. */

import { INTERVENTION_KINDS, type InterventionOrder, type Selector } from '../core/intervention.ts';
import { parseDuration } from '../lib/duration.ts';
import type { ApiResponse } from './message.ts';
import { problem } from './problem.ts';

const SELECTOR_KEYS = ['registry', 'namespace', 'service', 'instance'] as const;
const KEYS = ['kind', 'selector', 'reason', 'by', 'for'];
/** Characters of any text in it. */
const LONGEST = 512;
/** 30 days in milliseconds: who needs longer says so again. */
const LONGEST_TIME = 30 * 86_400_000;

/** One mistake: the field as `selector.service`, and what about it. */
interface Mistake {
  readonly field: string;
  readonly why: string;
}

type DecodedOrder = { readonly ok: true; readonly order: InterventionOrder } | Refused;

interface Refused {
  readonly ok: false;
  readonly refusal: ApiResponse;
}

/** `by` is who says so where the body names nobody. */
export function decodeOrder(body: string, by: string): DecodedOrder {
  const sent = parse(body);
  if (!isRecord(sent)) return refuse([{ field: 'body', why: 'must be a JSON object' }]);
  const mistakes: Mistake[] = unknownKeys(sent, KEYS, '');
  const wrong = (field: string, why: string): undefined => {
    mistakes.push({ field, why });
    return undefined;
  };
  const kind =
    INTERVENTION_KINDS.find((one) => one === sent.kind) ??
    wrong('kind', `must be one of ${INTERVENTION_KINDS.join(', ')}`);
  const selector = decodeSelector(sent.selector, mistakes);
  const reason = isText(sent.reason) ? sent.reason : wrong('reason', TEXT);
  const said = sent.by === undefined || isText(sent.by) ? (sent.by ?? by) : wrong('by', TEXT);
  const lasts = decodeTime(sent.for, kind === 'pause', wrong);
  const complete =
    kind !== undefined &&
    selector !== undefined &&
    reason !== undefined &&
    said !== undefined &&
    lasts !== undefined;
  if (mistakes.length > 0 || !complete) return refuse(mistakes);
  return { ok: true, order: { kind, selector, reason, by: said, lasts } };
}

/** Who says so, and why where that is asked for. */
export interface Said {
  readonly by: string;
  readonly reason?: string;
}

/** Said by the body, which may as well be empty; `fallback` is who says so where it names nobody. */
export function decodeSaid(
  body: string,
  fallback: string,
  keys: readonly (keyof Said)[],
): { readonly ok: true; readonly said: Said } | Refused {
  if (body.trim() === '') return { ok: true, said: { by: fallback } };
  const sent = parse(body);
  if (!isRecord(sent)) return refuse([{ field: 'body', why: 'must be a JSON object' }]);
  const mistakes = unknownKeys(sent, keys, '');
  const { by = fallback, reason } = sent;
  if (!isText(by)) mistakes.push({ field: 'by', why: TEXT });
  if (reason !== undefined && !isText(reason)) mistakes.push({ field: 'reason', why: TEXT });
  if (mistakes.length > 0 || !isText(by)) return refuse(mistakes);
  return { ok: true, said: { by, ...(isText(reason) ? { reason } : {}) } };
}

function decodeSelector(sent: unknown, mistakes: Mistake[]): Selector | undefined {
  if (!isRecord(sent)) {
    mistakes.push({ field: 'selector', why: 'must be an object; {} selects everything' });
    return undefined;
  }
  mistakes.push(...unknownKeys(sent, SELECTOR_KEYS, 'selector.'));
  const entries = SELECTOR_KEYS.flatMap((key) => {
    const value = sent[key];
    if (value === undefined) return [];
    if (isText(value)) return [[key, value] as const];
    mistakes.push({ field: `selector.${key}`, why: TEXT });
    return [];
  });
  return Object.fromEntries(entries);
}

function decodeTime(
  sent: unknown,
  needed: boolean,
  wrong: (field: string, why: string) => undefined,
): number | null | undefined {
  if (sent === undefined && !needed) return null;
  if (sent === undefined) return wrong('for', 'must be given: a pause always ends');
  const lasts = typeof sent === 'string' ? parseDuration(sent) : undefined;
  if (lasts === undefined || lasts === 0) return wrong('for', 'must be a duration such as "1h" or "30m"');
  return lasts > LONGEST_TIME ? wrong('for', 'must be at most 30 days') : lasts;
}

const TEXT = `must be a text of 1 to ${LONGEST} characters`;

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= LONGEST;
}

function unknownKeys(sent: object, known: readonly string[], prefix: string): Mistake[] {
  return Object.keys(sent)
    .filter((key) => !known.includes(key))
    .map((key) => ({ field: `${prefix}${key.slice(0, 100)}`, why: `is not one of ${known.join(', ')}` }));
}

function refuse(mistakes: readonly Mistake[]): Refused {
  const detail = mistakes.map(({ field, why }) => `${field} ${why}`).join('; ');
  return { ok: false, refusal: problem('bad-body', `${detail}.`, { errors: mistakes }) };
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Writes marks into Redis by comparing on the server, so that what a provider wrote meanwhile is never lost. */

import type { Receipt, RegistryError, WriteRequest } from '../../core/registry.ts';
import { type Decision, decide } from '../shared/mark.ts';
import type { KeyPattern } from './key-pattern.ts';
import type { RedisOptions } from './options.ts';
import { fieldsOf, incarnationIn, markText, readCommand, standingIn, withMark } from './record.ts';
import type { KeyAnswer, KeyCommand, Servers } from './servers.ts';

/** Tries against providers that keep changing their keys. */
const TRIES = 5;

/**
 * ARGV: how many fields are compared; for each its name, and `=` with its value or `-` for none; then for each field that
 * is set its name and value, or its name and nothing more to delete: `+ name value` or `- name`. A hash keeps its TTL.
 */
const CHANGE_HASH = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 'gone' end
local at = 2
for _ = 1, tonumber(ARGV[1]) do
  local now = redis.call('HGET', KEYS[1], ARGV[at])
  if (now or '') ~= ARGV[at + 2] or (now and '=' or '-') ~= ARGV[at + 1] then return 'changed' end
  at = at + 3
end
while at <= #ARGV do
  if ARGV[at] == '+' then
    redis.call('HSET', KEYS[1], ARGV[at + 1], ARGV[at + 2])
    at = at + 3
  else
    redis.call('HDEL', KEYS[1], ARGV[at + 1])
    at = at + 2
  end
end
return 'written'`;

/** ARGV: the text that was read, the text that shall stand there. SET alone would take the TTL away. */
const CHANGE_TEXT = `
local now = redis.call('GET', KEYS[1])
if not now then return 'gone' end
if now ~= ARGV[1] then return 'changed' end
local ttl = redis.call('PTTL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[2])
if ttl > 0 then redis.call('PEXPIRE', KEYS[1], ttl) end
return 'written'`;

interface Deps {
  readonly options: RedisOptions;
  readonly pattern: KeyPattern;
  readonly servers: Servers;
}

/** One receipt for each request, or the failure that left it open. */
export async function writeMarks(
  requests: readonly WriteRequest[],
  { options, pattern, servers }: Deps,
  signal: AbortSignal,
): Promise<readonly (Receipt | RegistryError)[]> {
  const done = new Map<WriteRequest, Receipt | RegistryError>();
  const receive = (request: WriteRequest, kind: Receipt['kind'], detail?: string): void => {
    done.set(request, { instance: request.instance.id, kind, ...(detail === undefined ? {} : { detail }) });
  };
  const keyOf = ({ instance: { namespace, service, key: id, host, port } }: WriteRequest): string =>
    pattern.keyOf({ namespace, service, id, host, port });
  let left = requests;
  for (let attempt = 0; attempt < TRIES && left.length > 0; attempt++) {
    const reads = left.map((request) => ({
      key: keyOf(request),
      command: readCommand(keyOf(request), options),
    }));
    const read = await servers.ask(reads, signal);
    const steps: { readonly request: WriteRequest; readonly step: KeyCommand }[] = [];
    for (const [index, request] of left.entries()) {
      const answer = read[index];
      if (answer === undefined || 'error' in answer) setError(done, request, answer);
      else {
        const step = stepOf(request, keyOf(request), answer.value, options);
        if ('receipt' in step) receive(request, step.receipt, step.detail);
        else steps.push({ request, step });
      }
    }
    const written = await servers.ask(
      steps.map(({ step }) => step),
      signal,
    );
    left = steps.flatMap(({ request }, index) => {
      const answer = written[index];
      if (answer === undefined || 'error' in answer) setError(done, request, answer);
      else if (answer.value === 'written') receive(request, 'written');
      // Gone or changed: what is read next says it.
      else return [request];
      return [];
    });
  }
  for (const request of left)
    receive(request, 'refused', `the key changed ${TRIES} times while it was being written`);
  return requests.flatMap((request) => done.get(request) ?? []);
}

function setError(
  done: Map<WriteRequest, Receipt | RegistryError>,
  request: WriteRequest,
  answer: KeyAnswer | undefined,
): void {
  if (answer !== undefined && 'error' in answer) done.set(request, answer.error);
}

type Step =
  | Extract<Decision, { kind: 'receipt' }>
  | Omit<Extract<Decision, { kind: 'receipt' }>, 'kind'>
  | KeyCommand;

/** What to send for what was read, or the receipt where there is nothing to send. */
function stepOf(request: WriteRequest, key: string, value: unknown, options: RedisOptions): Step {
  const found = fieldsOf(value, options);
  if (found === 'gone') return { receipt: 'gone' };
  if (options.value === 'key') return { receipt: 'refused', detail: 'a key alone has no room for a mark' };
  if (found === undefined) return { receipt: 'refused', detail: `the value is no ${options.value}` };
  const names = options.fields;
  const incarnation = incarnationIn(found, names.incarnation);
  if (incarnation !== request.instance.incarnation) return { receipt: 'gone' };
  const decision = decide(request, standingIn(found, options), options.weight);
  if (decision.kind === 'receipt') return decision;
  if (options.value === 'json') {
    const text = String(value);
    return {
      key,
      command: ['EVAL', CHANGE_TEXT, '1', key, text, withMark(text, decision, incarnation, names)],
    };
  }
  const compared = [names.incarnation, names.mark, names.weight].flatMap((name) => {
    const now = found.get(name);
    return typeof now === 'string' ? [name, '=', now] : [name, '-', ''];
  });
  const mark = markText(decision, incarnation);
  const changes = [
    ...(mark === undefined ? ['-', names.mark] : ['+', names.mark, mark]),
    ...(decision.weight === undefined ? [] : ['+', names.weight, String(decision.weight)]),
  ];
  return { key, command: ['EVAL', CHANGE_HASH, '1', key, '3', ...compared, ...changes] };
}

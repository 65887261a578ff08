/** `/v1/stream`: the read model as server-sent events, a snapshot and then what changes. */

import type { Board } from '../board/board.ts';
import type { Clock } from '../core/clock.ts';
import { FILTER_PARAMETERS, readEventFilter, readInstanceFilter } from './filters.ts';
import { type Frames, frames, TOPICS, type Wanted } from './frames.ts';
import { type ApiRequest, header } from './message.ts';
import { problem } from './problem.ts';
import type { Query } from './query.ts';
import type { Route } from './router.ts';

export interface StreamDeps {
  readonly board: Board;
  readonly clock: Clock;
}

const MOST_STREAMS = 64;
const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  // Proxies such as nginx would gather what is to be there at once.
  'x-accel-buffering': 'no',
};
/** Milliseconds between two frames: at most four a second. */
const PACE = 250;
/** Milliseconds of silence after which a comment shows that the connection lives. */
const PING = 15_000;

export function streamRoutes({ board, clock }: StreamDeps): readonly Route[] {
  let open = 0;
  return [
    {
      method: 'GET',
      path: '/v1/stream',
      telemetry: false,
      about: {
        summary: 'What changes, as server-sent events',
        query: [
          {
            name: 'topics',
            description: `One of ${TOPICS.join(', ')}, separated by commas; default all`,
            schema: { type: 'string' },
          },
          ...FILTER_PARAMETERS,
        ],
        answers: { 200: { mediaType: 'text/event-stream' } },
        problems: [400, 503],
      },
      answer: ({ query, request }) => {
        const wanted = readWanted(query);
        const refusal = query.refusal();
        if (refusal !== undefined) return refusal;
        if (open >= MOST_STREAMS) {
          const detail = `There are ${MOST_STREAMS} streams already.`;
          return problem('unavailable', detail, {}, { 'retry-after': '10' });
        }
        const live = (signal: AbortSignal): AsyncIterable<string> => {
          open++;
          signal.addEventListener('abort', () => open--, { once: true });
          return follow(frames(board, wanted), clock, lastEventId(request), signal);
        };
        return { status: 200, headers: HEADERS, body: { live } };
      },
    },
  ];
}

function readWanted(query: Query): Wanted {
  const topics = new Set(query.listOf('topics', TOPICS) ?? TOPICS);
  return { topics, filter: { ...readEventFilter(query), ...readInstanceFilter(query) } };
}

/** NaN, which is no revision of ours, where it is none at all. */
function lastEventId(request: ApiRequest): number | undefined {
  const id = header(request, 'last-event-id');
  if (id === undefined || id === '') return undefined;
  return /^[0-9]{1,16}$/.test(id) ? Number(id) : Number.NaN;
}

/** Makes a frame only when the one before was taken: a client that does not read falls behind, and is dropped then. */
async function* follow(
  { snapshot, delta, knows }: Frames,
  clock: Clock,
  from: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<string> {
  yield 'retry: 3000\n\n';
  let revision: number;
  if (from !== undefined && knows(from)) revision = from;
  else {
    if (from !== undefined) yield RESET;
    revision = yield* snapshot();
  }
  let spoke = clock.now();
  for (;;) {
    if (!(await slept(clock, signal))) return;
    const next = delta(revision);
    if (next === undefined) {
      yield RESET;
      return;
    }
    revision = next.revision;
    const now = clock.now();
    if (next.frame === '' && now - spoke < PING) continue;
    yield next.frame === '' ? ': ping\n\n' : next.frame;
    spoke = now;
  }
}

const RESET = 'event: reset\ndata: {}\n\n';

/** False when it is over. */
async function slept(clock: Clock, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(PACE, signal);
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}

/** An API over a board that a test fills by reports. */

import { type Api, createApi } from '../../src/api/api.ts';
import type { ApiRequest, ApiResponse } from '../../src/api/message.ts';
import { type Board, createBoard } from '../../src/board/board.ts';
import { explainView } from '../../src/board/explain-view.ts';
import { PROBER_WELL } from '../../src/core/view.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { QuietLog } from '../support/quiet-log.ts';
import { FakeControl } from './fake-control.ts';

export const TOKEN = 'a-token-of-some-length';

export class ApiBench {
  readonly log = new QuietLog();
  readonly clock = new ManualClock();
  readonly control = new FakeControl(() => this.board);
  waitingFor: readonly string[] = [];
  /** What `/metrics/instances` is made of. */
  pieces: Iterable<string> = ['probe_success 1\n'];
  readonly board: Board = createBoard({
    clock: this.clock,
    version: '1.2.3',
    registries: [{ name: 'local', kind: 'file', writeMode: 'apply' }],
    kindOf: () => 'tcp',
    shadowOf: () => 'likeHaproxy',
  });
  readonly api: Api = createApi({
    board: this.board,
    log: this.log,
    ready: () => ({ ready: this.waitingFor.length === 0, waitingFor: this.waitingFor }),
    metrics: () => metrics(),
    instanceMetrics: () => this.pieces,
    metricsContentType: 'text/plain; version=0.0.4',
    token: TOKEN,
    hosts: ['sonde.example'],
    clock: this.clock,
    control: this.control,
    explain: (id) => {
      const instance = this.board.instance(id);
      return instance === undefined
        ? undefined
        : explainView({
            instance,
            failures: new Map(),
            checks: new Map(),
            interventions: [],
            prober: PROBER_WELL,
            peerLatency: () => null,
            now: 0,
          });
    },
    configuration: () => ({
      source: 'sonde.yaml',
      revision: 'abc',
      appliedAt: '2026-01-01T00:00:00.000Z',
      rejected: null,
      checks: [{ name: 'tcp', fingerprint: '1' }],
      registries: [],
      state: { kept: true, problem: null, since: null },
    }),
  });

  get probed(): readonly string[] {
    return this.control.probed;
  }

  ask(target: string, request: Partial<ApiRequest> = {}): Answer {
    const answered = this.api({ door: 'main', method: 'GET', target, headers: {}, ...request });
    if (answered instanceof Promise) throw new Error('takes its time: askLater');
    return new Answer(answered);
  }

  async askLater(target: string, request: Partial<ApiRequest> = {}): Promise<Answer> {
    return new Answer(await this.api({ door: 'main', method: 'GET', target, headers: {}, ...request }));
  }

  post(target: string, headers: ApiRequest['headers'], door: ApiRequest['door'] = 'main'): Answer {
    return this.ask(target, { method: 'POST', headers, door });
  }
}

export class Answer {
  readonly status: number;
  readonly headers: ApiResponse['headers'];
  readonly body: ApiResponse['body'];

  constructor({ status, headers, body }: ApiResponse) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  get json(): Record<string, unknown> {
    return JSON.parse(this.body as string) as Record<string, unknown>;
  }

  /** `status name: detail` of a problem document. */
  get problem(): string {
    if (this.headers['content-type'] !== 'application/problem+json') return 'none';
    const { type, status, detail } = this.json;
    if (status !== this.status) return 'none';
    return `${this.status} ${String(type).replace('urn:sonde:problem:', '')}: ${String(detail)}`;
  }
}

async function* metrics(): AsyncGenerator<string> {
  yield 'sonde_targets 0\n';
}

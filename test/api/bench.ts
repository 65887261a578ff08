/** An API over a board that a test fills by reports. */

import { type Api, createApi } from '../../src/api/api.ts';
import type { ApiRequest, ApiResponse } from '../../src/api/message.ts';
import { type Board, createBoard } from '../../src/board/board.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { QuietLog } from '../support/quiet-log.ts';

export const TOKEN = 'a-token-of-some-length';

export class ApiBench {
  readonly log = new QuietLog();
  readonly probed: string[] = [];
  waitingFor: readonly string[] = [];
  /** What `/metrics/instances` is made of. */
  pieces: Iterable<string> = ['probe_success 1\n'];
  readonly board: Board = createBoard({
    clock: new ManualClock(),
    version: '1.2.3',
    registries: [{ name: 'local', kind: 'file', writeMode: 'apply' }],
    kindOf: () => 'tcp',
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
    probeNow: (id) => {
      if (id === 'broken') throw new Error('secret stack');
      this.probed.push(id);
      return this.board.instance(id) !== undefined;
    },
    overwrite: (id) => this.board.instance(id) !== undefined,
    releaseGuard: (registry) => registry === 'local',
  });

  ask(target: string, request: Partial<ApiRequest> = {}): Answer {
    return new Answer(this.api({ door: 'main', method: 'GET', target, headers: {}, ...request }));
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

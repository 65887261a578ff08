/** `/health/…`: whether enough instances of a service are well, for readiness probes, balancers and scripts. */

import type { Board } from '../board/board.ts';
import type { Health } from '../core/health.ts';
import type { ServiceView } from '../core/list-view.ts';
import type { About } from './about.ts';
import { type ApiResponse, json } from './message.ts';
import { problem } from './problem.ts';
import type { Query } from './query.ts';
import type { Route } from './router.ts';

const ACCEPTABLE = ['healthy', 'sub-healthy', 'dead'] as const satisfies readonly Health[];
const MOST = 1_000_000;

interface Wanted {
  readonly min: number;
  readonly accept: readonly Health[];
}

const ABOUT = {
  summary: 'Whether enough instances of a service are well',
  query: [
    {
      name: 'min',
      description: 'So many instances must have an accepted health, default 1',
      schema: { type: 'integer', minimum: 1, maximum: MOST },
    },
    {
      name: 'accept',
      description: 'Accepted healths, separated by commas, default healthy,sub-healthy',
      schema: { type: 'string' },
    },
    {
      name: 'unknown',
      description: 'Whether instances that are still unknown count, default refuse',
      schema: { enum: ['refuse', 'accept'] },
    },
  ],
  answers: { 200: 'ServiceHealth' },
  problems: [400, 404, 503],
} as const satisfies About;

export function serviceHealthRoutes(board: Board): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/health/:service',
      telemetry: true,
      about: { ...ABOUT, problems: [...ABOUT.problems, 409] },
      answer: ({ query, parameters: { service = '' } }) => {
        const wanted = read(query);
        const views = [...board.services({ service: [service] })];
        return query.refusal() ?? answerShort(service, views, wanted);
      },
    },
    {
      method: 'GET',
      path: '/health/:registry/:namespace/:service',
      telemetry: true,
      about: ABOUT,
      answer: ({ query, parameters: { registry = '', namespace = '', service = '' } }) => {
        const wanted = read(query);
        const view = board.service({ registry, namespace, service });
        return query.refusal() ?? answer(view, `${registry}/${namespace}/${service}`, wanted);
      },
    },
  ];
}

function read(query: Query): Wanted {
  const min = query.integer('min', 1, MOST, 1);
  const accept: readonly Health[] = query.listOf('accept', ACCEPTABLE) ?? ['healthy', 'sub-healthy'];
  const unknown = query.oneOf('unknown', ['refuse', 'accept'], 'refuse');
  return { min, accept: unknown === 'accept' ? [...accept, 'unknown'] : accept };
}

function answerShort(name: string, views: readonly ServiceView[], wanted: Wanted): ApiResponse {
  const [first, ...others] = views;
  if (others.length === 0) return answer(first, name, wanted);
  const candidates = views.map(pathOf);
  const detail = `There are ${views.length} services named ${JSON.stringify(name)}; ask for one of the candidates.`;
  return problem('ambiguous', detail, { candidates });
}

function answer(view: ServiceView | undefined, name: string, { min, accept }: Wanted): ApiResponse {
  if (view === undefined) {
    return problem('not-found', `There is no service ${JSON.stringify(name)} with instances.`);
  }
  const { registry, namespace, service, instances } = view;
  const accepted = accept.reduce((sum, health) => sum + instances[health], 0);
  const numbers = { registry, namespace, service, accepted, min, accept, instances };
  if (accepted >= min) return json(200, numbers);
  const detail = `${accepted} of the instances are ${accept.join(' or ')}, ${min} must be.`;
  return problem('unavailable', detail, numbers);
}

function pathOf({ registry, namespace, service }: ServiceView): string {
  return `/health/${[registry, namespace, service].map(encodeURIComponent).join('/')}`;
}

/** What operators may ask: the routes that change state, and what is in force because somebody did. */

import type { Control } from '../core/control.ts';
import { type ApiRequest, type ApiResponse, json } from './message.ts';
import { noInstance } from './no-instance.ts';
import { decodeOrder, decodeSaid, type Said } from './order.ts';
import { problem } from './problem.ts';
import type { Call, Route } from './router.ts';

export interface ControlDeps {
  readonly control: Control;
}

export function controlRoutes({ control }: ControlDeps): readonly Route[] {
  return [
    word('/v1/instances/:id/probe', {
      summary: 'Looks at all targets of the instance at once',
      answer: (id) => (control.probeNow(id) ? json(202, { id }) : noInstance(id)),
      schema: 'InstanceId',
    }),
    word('/v1/instances/:id/overwrite', {
      summary: 'Writes over what contests the instance',
      answer: (id, { by }) => (control.overwrite(id, by) ? json(202, { id }) : noInstance(id)),
      schema: 'InstanceId',
    }),
    word('/v1/registries/:name/release-guard', {
      summary: 'Lets through what the brake of the registry holds now',
      body: 'Release',
      answer: (registry, { by, reason }) =>
        control.releaseGuard(registry, by, reason)
          ? json(202, { registry })
          : problem('not-found', `There is no registry ${JSON.stringify(registry)}.`),
      schema: 'RegistryName',
    }),
    {
      method: 'GET',
      path: '/v1/interventions',
      telemetry: false,
      about: {
        summary: 'The interventions in force, oldest first',
        answers: { 200: 'InterventionPage' },
        problems: [400],
      },
      answer: ({ query }) =>
        query.refusal() ?? json(200, { items: control.interventions(), nextCursor: null }),
    },
    {
      method: 'POST',
      path: '/v1/interventions',
      telemetry: false,
      about: {
        summary: 'Lays an intervention on whatever matches now and later',
        body: 'InterventionOrder',
        answers: { 201: 'Intervention' },
        problems: [400, 401, 403, 413],
      },
      answer: ({ query, request }) => {
        const refusal = query.refusal();
        if (refusal !== undefined) return refusal;
        const decoded = decodeOrder(request.body ?? '', callerOf(request));
        return decoded.ok ? json(201, control.intervene(decoded.order)) : decoded.refusal;
      },
    },
    {
      method: 'DELETE',
      path: '/v1/interventions/:id',
      telemetry: false,
      about: {
        summary: 'Ends an intervention before its time',
        body: 'Author',
        answers: { 204: null },
        problems: [400, 401, 403, 404],
      },
      answer: (call) =>
        authored(call, ['by'], ({ by }) => {
          const { id = '' } = call.parameters;
          if (control.lift(id, by)) return { status: 204, headers: {}, body: '' };
          return problem('not-found', `There is no intervention with the id ${JSON.stringify(id)}.`);
        }),
    },
    {
      method: 'POST',
      path: '/-/reload',
      telemetry: false,
      about: {
        summary: 'Reads the configuration again and swaps it in, or changes nothing',
        body: 'Author',
        answers: { 200: 'Reloaded' },
        problems: [400, 401, 403, 422],
      },
      answer: (call) =>
        authored(call, ['by'], async ({ by }) => {
          const result = await control.reload(by);
          if (result.kind !== 'rejected') return json(200, result);
          const { text } = result;
          return problem('configuration-rejected', 'Nothing was changed; text has the problems.', { text });
        }),
    },
  ];
}

interface Word {
  readonly summary: string;
  readonly schema: 'InstanceId' | 'RegistryName';
  /** `Release` may say why as well; default `Author`. */
  readonly body?: 'Author' | 'Release';
  readonly answer: (subject: string, said: Said) => ApiResponse;
}

/** A route that says something of one thing, named by the one parameter of its path. */
function word(path: string, { summary, schema, body = 'Author', answer }: Word): Route {
  const keys = body === 'Release' ? (['by', 'reason'] as const) : (['by'] as const);
  return {
    method: 'POST',
    path,
    telemetry: false,
    about: { summary, body, answers: { 202: schema }, problems: [400, 401, 403, 404] },
    answer: (call) => authored(call, keys, (said) => answer(Object.values(call.parameters)[0] ?? '', said)),
  };
}

/** The body may say these things of who speaks, and nothing else. */
function authored<T>(
  { query, request }: Call,
  keys: readonly (keyof Said)[],
  answer: (said: Said) => T,
): T | ApiResponse {
  const refusal = query.refusal();
  if (refusal !== undefined) return refusal;
  const decoded = decodeSaid(request.body ?? '', callerOf(request), keys);
  return decoded.ok ? answer(decoded.said) : decoded.refusal;
}

/** As whom events name a caller who gives no name. */
function callerOf({ from, door }: ApiRequest): string {
  return from ?? door;
}

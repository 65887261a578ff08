/** `/openapi.json`: OpenAPI 3.1, made of what the routes say about themselves. */

import type { About } from './about.ts';
import { json } from './message.ts';
import type { Route } from './router.ts';
import { SCHEMAS } from './schemas.ts';

const REASONS: Readonly<Record<number, string>> = {
  200: 'What was asked for',
  201: 'It is in force',
  202: 'It is being done',
  204: 'It is done',
  400: 'The request is wrong',
  401: 'A token is needed',
  403: 'A foreign page asks',
  404: 'There is no such thing',
  409: 'The name is ambiguous',
  413: 'The body is too large',
  422: 'The configuration is not valid',
  503: 'Not now',
};

export function openApiRoute(routes: readonly Route[]): Route {
  const route: Route = {
    method: 'GET',
    path: '/openapi.json',
    telemetry: false,
    about: {
      summary: 'This document',
      answers: { 200: { mediaType: 'application/json' } },
      problems: [400],
    },
    answer: ({ query }) => query.refusal() ?? json(200, document),
  };
  const document = openApi([...routes, route]);
  return route;
}

function openApi(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'sonde',
      version: '1',
      description: 'Health of the providers that registries know. See docs/api.md.',
    },
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operation({ method, path, about }: Route): object {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const inQuery = (about.query ?? []).map((parameter) => ({ ...parameter, in: 'query' }));
  const body = about.body === undefined ? {} : { requestBody: content(about.body, 'application/json') };
  return {
    summary: about.summary,
    parameters: [...inPath, ...inQuery],
    ...body,
    responses: responses(about),
    ...(method === 'GET' ? {} : { security: [{ token: [] }] }),
  };
}

function responses({ answers, problems = [] }: About): object {
  const answered = Object.entries(answers).map(([status, answer]) => [
    status,
    { description: REASONS[Number(status)] ?? '', ...describe(answer) },
  ]);
  const refused = [...problems, 500].map((status) => [
    status,
    {
      description: REASONS[status] ?? 'sonde made a mistake; its log says more',
      ...content('Problem', 'application/problem+json'),
    },
  ]);
  return Object.fromEntries([...answered, ...refused]);
}

function describe(answer: About['answers'][number] | undefined): object {
  if (answer === null || answer === undefined) return {};
  if (typeof answer === 'object') return { content: { [answer.mediaType]: {} } };
  return content(answer, 'application/json');
}

function content(schema: string, mediaType: string): object {
  return { content: { [mediaType]: { schema: { $ref: `#/components/schemas/${schema}` } } } };
}

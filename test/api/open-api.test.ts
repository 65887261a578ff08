import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { appeared, desired, healthChanged, makeInstance, observed, REFUSED } from '../board/reports.ts';
import { ApiBench } from './bench.ts';

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: object };
}

interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<
    Record<
      string,
      { readonly content?: Readonly<Record<string, { readonly schema?: { readonly $ref: string } }>> }
    >
  >;
}

const bench = new ApiBench();
const document = bench.ask('/openapi.json').json as unknown as Document;
const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema({ $id: 'sonde:', components: document.components });

/** What is wrong with a body by the document; undefined where it says nothing of the status. */
function errorsOf(method: string, path: string, status: number, body: unknown): string | undefined {
  const [media] = Object.values(document.paths[path]?.[method]?.responses[status]?.content ?? {});
  if (media?.schema === undefined) return undefined;
  const validate = ajv.compile({ $ref: `sonde:${media.schema.$ref}` });
  return validate(body) ? '' : ajv.errorsText(validate.errors);
}

const one = makeInstance({ id: 'x', metadata: { zone: 'a' } });
bench.board.take(appeared(one));
bench.board.take(observed(one, { outcome: REFUSED, health: 'dead', reason: 'connect-refused', total: 3 }));
bench.board.take(healthChanged(one, 'unknown', 'dead'));
bench.board.take(desired(one, 'dead', 'max-unavailable'));
bench.board.take({
  kind: 'event',
  event: {
    kind: 'transition',
    subject: 'x',
    to: 'dead',
    numbers: { rate: 0, reach: 0, passed: 0, total: 3, inRow: 3, windowStart: 1 },
  },
});
bench.control.intervene({ kind: 'hold', selector: {}, reason: 'r', by: 'ana', lasts: null });

describe('/openapi.json', () => {
  it('has every path of the API', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths).length).toBeGreaterThan(18);
    expect(document.paths['/v1/instances/{id}/explain']?.get?.parameters).toEqual([
      { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
    ]);
  });

  it.each([
    ['get', '/livez', '/livez', 200],
    ['get', '/readyz', '/readyz', 200],
    ['get', '/health/{service}', '/health/web?accept=dead', 200],
    ['get', '/health/{service}', '/health/web', 503],
    ['get', '/v1/summary', '/v1/summary', 200],
    ['get', '/v1/services', '/v1/services', 200],
    ['get', '/v1/instances', '/v1/instances', 200],
    ['get', '/v1/instances', '/v1/instances?limit=x', 400],
    ['get', '/v1/instances/{id}', '/v1/instances/x', 200],
    ['get', '/v1/instances/{id}', '/v1/instances/y', 404],
    ['get', '/v1/instances/{id}/explain', '/v1/instances/x/explain', 200],
    ['get', '/v1/configuration', '/v1/configuration', 200],
    ['get', '/v1/events', '/v1/events', 200],
    ['get', '/v1/writes', '/v1/writes', 200],
    ['get', '/v1/sd/prometheus', '/v1/sd/prometheus', 200],
    ['get', '/v1/interventions', '/v1/interventions', 200],
    ['post', '/v1/interventions', '/v1/interventions', 400],
    ['post', '/-/reload', '/-/reload', 200],
    ['post', '/v1/instances/{id}/probe', '/v1/instances/x/probe', 202],
    ['post', '/v1/registries/{name}/release-guard', '/v1/registries/local/release-guard', 202],
  ])('is right about %s %s (%s, %i)', async (method, path, target, status) => {
    const answer = await bench.askLater(target, { method: method.toUpperCase(), door: 'socket' });
    expect(answer.status).toBe(status);
    expect(errorsOf(method, path, status, answer.json)).toBe('');
  });

  it('would notice what it does not know', () => {
    const summary = { ...bench.ask('/v1/summary').json, surprise: 1 };
    expect(errorsOf('get', '/v1/summary', 200, summary)).toMatch(/additional properties/);
  });
});

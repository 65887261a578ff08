import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatProblems } from '../../src/config/format.ts';
import { load } from '../support/config-bench.ts';

const EXAMPLE = readFileSync(join(import.meta.dirname, '../../probes.example.yaml'), 'utf8');
const RICH = `version: 1
x-http: &http { kind: http, path: "/\${instance.metadata.path:-health}", expect: { status: [2xx, 301] } }
server: { listen: "[::1]:9810", telemetry: 0.0.0.0:9811 }
registries:
  - name: local
    kind: file
    path: \${env:PROVIDERS:-./providers.yaml}
    write: { mode: apply }
    networks: { deny: [10.0.0.0/8, fd00::/8] }
  - { name: keys, kind: etcd, endpoints: ["http://127.0.0.1:2379"] }
defaults: { interval: 2s, timeout: 1s, rule: standard }
rules:
  standard: { kind: success-rate, window: { time: 60s }, subHealthyBelow: 84% }
  likeHaproxy: { kind: consecutive, rise: 2, fall: 3 }
checks:
  - name: web
    match: { registry: local, service: ["web-*", "!web-legacy"], metadata: { tier: front } }
    probe: *http
  - name: slow
    probe: { <<: *http, method: HEAD, tls: true }
    rule: likeHaproxy
    interval: 1m30s
policies:
  - match: { service: "*" }
    guard: { maxUnavailable: 50% }
`;

/** What people and machines put where it does not belong. */
const TOKENS = [
  '"',
  "'",
  '{',
  '}',
  '[',
  ']',
  ':',
  ': ',
  '- ',
  '\n',
  '\t',
  '  ',
  '#',
  '|',
  '>',
  '?',
  ',',
  '%',
  '@',
  '`',
  '*http',
  '&a ',
  '*a',
  '<<: ',
  '!!',
  '!x ',
  '---\n',
  '...\n',
  '${',
  '${env:',
  '}',
  '${env:X:-',
  '$$',
  '${file:/x}',
  'null',
  '~',
  'true',
  '-1',
  '1e999',
  '.nan',
  '0x',
  '999999999999999999999',
  '__proto__: ',
  'constructor: ',
  'toString',
  '\0',
  '\ufeff',
  '\u2028',
  '\ud800',
  '漢',
  'x'.repeat(300),
  '['.repeat(40),
  '- '.repeat(60),
];

interface Change {
  readonly kind: string;
  readonly at: number;
  readonly length: number;
  readonly token: string;
}

/** One change of the text: something cut out, doubled, swapped or put in at a place. */
const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('cut', 'double', 'insert', 'replace'),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.integer({ min: 1, max: 60 }),
  token: fc.oneof(fc.constantFrom(...TOKENS), fc.string({ maxLength: 12, unit: 'binary' })),
});

function mutate(text: string, changes: readonly Change[]): string {
  return changes.reduce((now, { kind, at, length, token }) => {
    const start = Math.floor(at * now.length);
    const [head, part, tail] = [
      now.slice(0, start),
      now.slice(start, start + length),
      now.slice(start + length),
    ];
    if (kind === 'cut') return head + tail;
    if (kind === 'double') return head + part + part + tail;
    return kind === 'insert' ? head + token + part + tail : head + token + tail;
  }, text);
}

const CI = process.env.CI !== undefined;

describe('a mutated configuration', () => {
  it.each([
    ['the example', EXAMPLE],
    ['one with everything', RICH],
  ])(
    'from %s is taken, or refused with problems in the text',
    async (_, base) => {
      let refused = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
          const text = mutate(base, changes);
          const began = performance.now();
          const result = await load(text, { readFile: () => Promise.resolve('x') });
          // A hang, not a speed: some 5 ms are usual.
          expect(performance.now() - began).toBeLessThan(10_000);
          if (result.ok) return;
          refused++;
          expect(result.problems.some(({ severity }) => severity === 'error')).toBe(true);
          const lines = text.split(/\r\n|\n|\r/).length;
          for (const { start, end, message } of result.problems) {
            expect(start.line).toBeLessThanOrEqual(lines);
            expect(start.line * 1e6 + start.col).toBeLessThanOrEqual(end.line * 1e6 + end.col);
            expect(message).not.toMatch(/^\0$|undefined|\[object|Cannot read|is not a function/);
          }
          for (const colour of [true, false])
            formatProblems('text', result.problems, result.texts, { colour, columns: 40 });
        }),
        {
          seed: 20_261_122,
          numRuns: CI ? 5_000 : 1_500,
          interruptAfterTimeLimit: CI ? 30_000 : 8_000,
          endOnFailure: true,
        },
      );
      expect(refused).toBeGreaterThan(20);
    },
    90_000,
  );
});

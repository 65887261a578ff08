import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { wantsColour } from '../../src/cli/colour.ts';
import { speaksUtf8 } from '../../src/cli/signs.ts';
import { sonde } from '../support/sonde-process.ts';
import { CliBench } from './cli-bench.ts';
import { FakeIo } from './fake-io.ts';

let scope: AsyncDisposableStack;
let bench: CliBench;

beforeEach(async () => {
  scope = new AsyncDisposableStack();
  bench = await CliBench.start(scope);
  bench.world.instances = bench.world.instances.map((one) => ({ ...one, service: '支付…服务' }));
});
afterEach(() => scope.disposeAsync());

async function out(
  env: Readonly<Record<string, string>>,
  terminal: boolean,
  ...words: string[]
): Promise<string> {
  const io = new FakeIo(terminal);
  Object.assign(io.env, env);
  return (await bench.run(['get', ...words], io)).out;
}

describe('a terminal', () => {
  it.each([
    [{}, true],
    [{ LANG: 'C.UTF-8' }, true],
    [{ LANG: 'de_DE.utf8' }, true],
    [{ LANG: 'C' }, false],
    [{ LANG: 'de_DE.ISO-8859-1' }, false],
    [{ LANG: 'C.UTF-8', LC_ALL: 'POSIX' }, false],
    [{ LANG: 'C', LC_CTYPE: 'en_US.UTF-8', LC_ALL: '' }, true],
    [{ TERM: 'dumb' }, false],
  ])('of %j speaks UTF-8: %s', (env, expected) => {
    expect(speaksUtf8(env)).toBe(expected);
  });

  it.each([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ TERM: 'dumb' }, true, false],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
  ])('of %j, being one: %s, has colours: %s', (env, isTTY, expected) => {
    expect(wantsColour({ write: () => undefined, isTTY, columns: 80 }, env)).toBe(expected);
  });
});

describe('what is printed', () => {
  it('has signs of ASCII where there are no others, and names as they are', async () => {
    const golden = [
      'NAMESPACE   SERVICE    INSTANCE         HEALTH          RATE   REASON      SINCE',
      'shop        支付~服~   10.2.4.17:8080   x dead,held     25%    connect-~   4m12s',
      'shop        支付~服~   10.2.4.18:8080   ~ sub-healthy   100%   low-succ~   4m12s',
      '',
    ].join('\n');
    for (const env of [{ LC_ALL: 'C', NO_COLOR: '1' }, { TERM: 'dumb' }])
      expect(await out(env, true, 'instances', '--health', 'dead,sub-healthy')).toBe(golden);
    expect(await out({ LC_ALL: 'C' }, false, 'events')).toContain('healthy > dead');
  });

  it('keeps every character of a document', async () => {
    for (const [format, parsed] of [
      ['json', (text: string): unknown => JSON.parse(text)],
      [
        'jsonl',
        (text: string): unknown =>
          text
            .trim()
            .split('\n')
            .map((line): unknown => JSON.parse(line)),
      ],
    ] as const) {
      const text = await out({ LC_ALL: 'C' }, true, 'instances', '-o', format);
      expect(text).toMatch(/^[\x20-\x7e\n]+$/);
      expect(parsed(text)).toEqual(bench.world.instances);
    }
    const { parse } = await import('yaml');
    const yaml = await out({ LC_ALL: 'C' }, true, 'instances', '-o', 'yaml');
    expect(yaml).toMatch(/^[\x20-\x7e\n]+$/);
    expect(parse(yaml)).toEqual(bench.world.instances);
  });

  it('is the same with colours and without', async () => {
    const coloured = await out({ FORCE_COLOR: '1' }, false, 'instances');
    expect(coloured).toContain('\u001b[31mdead,held\u001b[39m');
    const { stripVTControlCharacters } = await import('node:util');
    expect(stripVTControlCharacters(coloured)).toBe(await out({}, false, 'instances'));
  });

  it('comes so out of the real program', async () => {
    const words = ['get', 'instances', '--server', bench.server.url];
    const env = { LC_ALL: 'C', NO_COLOR: '', FORCE_COLOR: '1' };
    const { code, out: text } = await sonde(words, env);
    expect(code).toBe(0);
    expect(text).toContain('\u001b[31mdead,held\u001b[39m');
    expect(text).toContain('支付~服务');
    const json = await sonde([...words, '-o', 'json'], { LC_ALL: 'C.UTF-8' });
    expect(JSON.parse(json.out)).toEqual(bench.world.instances);
    expect(json.out).toContain('支付…服务');
  });
});

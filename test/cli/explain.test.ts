import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CliBench } from './cli-bench.ts';
import { FakeIo } from './fake-io.ts';
import { IDS, LAID } from './world.ts';

let scope: AsyncDisposableStack;
let bench: CliBench;

beforeEach(async () => {
  scope = new AsyncDisposableStack();
  bench = await CliBench.start(scope);
});
afterEach(() => scope.disposeAsync());

/** On a terminal of 80 columns without colours. */
async function shown(env: Readonly<Record<string, string>>, ...words: readonly string[]): Promise<string> {
  const io = new FakeIo(true);
  Object.assign(io.env, env);
  const { out } = await bench.run(words, io);
  return out;
}

describe('sonde explain', () => {
  it('is a box that fits a terminal', async () => {
    bench.world.explain = {
      ...bench.world.explain,
      interventions: [LAID],
    };
    expect(await shown({ NO_COLOR: '1' }, 'explain', '10.2.4.17:8080')).toBe(
      `┌─ shop/web-cart 10.2.4.17:8080  (id a000000000000001, registry local)
│  dead since 23:55:48 because 3 looks in a row did not reach it; written as
│  healthy, the write is held by the guard.
│
│  check web: ✖ dead, connect-refused, since 23:55:48 (4m12s)
│    The last 15 looks in a row were refused.
│    check        web (http), /etc/sonde/sonde.yaml:12:5
│    rule         standard (success-rate), /etc/sonde/sonde.yaml:8:3
│    counters     passed 5 · total 20 · not reached in a row 15 · rate 25 %
│    changes      to sub-healthy: 2 more looks in a row that reach it
│                 to healthy: 20 more looks of which 18 pass
│    failures     00:00:00 connect-refused after <1ms: connect: nobody listens
│                   at 10.2.4.17:8080
│                 23:55:48 connect-refused after 1.9s
│
│  write        healthy is written; dead waits because more than 50% of the
│                 service would be unavailable.
│  pause        shop/web-* by ana@desk, 30m left: the disk is changed (sonde
│                 resume b000000000000001)
└─
`,
    );
  });

  it('shows no control character of a stranger', async () => {
    const { explain } = bench.world;
    bench.world.explain = {
      ...explain,
      instance: { ...explain.instance, service: 'a\u001b[2Jb' },
      sentence: 'dead\u001b[2J',
      write: 'a\nb\u202e',
    };
    const text = await shown({ NO_COLOR: '1' }, 'explain', IDS.dead);
    expect(stripVTControlCharacters(text)).toBe(text);
    expect(text).not.toContain('\u202e');
  });

  it('says the same in ASCII, and in colours', async () => {
    const plain = await shown({ NO_COLOR: '1' }, 'explain', IDS.dead);
    const ascii = await shown({ NO_COLOR: '1', LC_ALL: 'C' }, 'explain', IDS.dead);
    expect(ascii).toMatch(/^[\x20-\x7e\n]+$/);
    expect(ascii.split('\n').map((line) => line.length)).toEqual(
      plain.split('\n').map((line) => line.length),
    );
    const coloured = await shown({}, 'explain', IDS.dead);
    expect(coloured).toContain('\u001b[31m✖ dead\u001b[39m');
    expect(stripVTControlCharacters(coloured)).toBe(plain);
  });

  it('is whole in a pipe', async () => {
    const { out } = await bench.run(['explain', IDS.dead]);
    expect(out).toContain('connect-refused after <1ms: connect: nobody listens at 10.2.4.17:8080\n');
  });

  it('prints documents', async () => {
    const { out } = await bench.run(['explain', IDS.dead, '-o', 'json']);
    expect(JSON.parse(out)).toEqual(bench.world.explain);
    expect(parse((await bench.run(['explain', IDS.dead, '-o', 'yaml'])).out)).toEqual(bench.world.explain);
  });

  it('wants one instance, and names those that it could be', async () => {
    const { code, err } = await bench.run(['explain', '10.2.4.19:8080']);
    expect(code).toBe(2);
    expect(err).toBe(
      `sonde: 10.2.4.19:8080 is 2 instances, name one by its id:
  a000000000000003  local/shop/web-shop
  a000000000000004  other/shop/web-shop
`,
    );
  });

  it('does not take a part of an address for the whole', async () => {
    expect(await bench.run(['explain', '2.4.17:8080'])).toMatchObject({
      code: 1,
      err: 'sonde: there is no instance 2.4.17:8080 (sonde get instances -q 2.4.17:8080)\n',
    });
  });

  it('knows the codes of errors, in any case', async () => {
    expect((await bench.run(['explain', 'snd1003'])).out).toContain('SND1003');
    expect((await bench.run(['explain', 'SND103'])).err).toMatch(
      /there is no error SND103; did you mean SND\d{4}\?\n$/,
    );
    expect(bench.server.asked).toEqual([]);
  });
});

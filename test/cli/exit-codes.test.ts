import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { refusing } from '../support/lab/servers.ts';
import { CliBench } from './cli-bench.ts';
import { FakeIo } from './fake-io.ts';
import { IDS, LAID } from './world.ts';

const HEAD = 'version: 1\nregistries: [{ name: local, kind: file, path: ./providers.yaml }]\n';
const GOOD = `${HEAD}checks: [{ name: web, match: { service: "web-*" }, probe: { kind: http } }]\n`;
const BAD = `${HEAD}checks: [{ nam: web, probe: { kind: http } }]\n`;

let scope: AsyncDisposableStack;
let bench: CliBench;
let good: string;
let bad: string;

beforeEach(async () => {
  scope = new AsyncDisposableStack();
  bench = await CliBench.start(scope);
  good = bench.file('good.yaml', GOOD);
  bad = bench.file('bad.yaml', BAD);
});
afterEach(() => scope.disposeAsync());

/** Commands that ask the server, each as it is used rightly. */
const CLIENTS: readonly (readonly string[])[] = [
  ['get', 'instances'],
  ['get', 'services'],
  ['get', 'events'],
  ['get', 'writes'],
  ['get', 'interventions'],
  ['explain', IDS.dead],
  ['explain', '10.2.4.17:8080'],
  ['status'],
  ['wait', '--for', 'health=healthy', 'web-shop'],
  ['pause', 'web-cart', '--reason', 'x'],
  ['hold', 'web-cart', '--reason', 'x'],
  ['release', 'web-cart', '--reason', 'x'],
  ['guard', 'hold', 'local', '--reason', 'x'],
  ['guard', 'release', 'local', '--reason', 'x'],
  ['overwrite', IDS.dead],
  ['reload'],
  ['ping'],
  ['ping', '--ready'],
];
/** Of these, or with the configuration behind: what changes something. */
const CHANGES = [/^(pause|hold|release|guard|overwrite|reload|probe)/];

describe('0', () => {
  it.each(CLIENTS)('%s %s', async (...words) => {
    bench.world.interventions.push(LAID);
    expect(await bench.run(words)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/./) as string,
      err: '',
    });
  });

  it('resume, validate, config schema, completion, help, version', async () => {
    await bench.run(['pause', 'web-cart', '--reason', 'x']);
    expect((await bench.run(['resume', 'web-cart'])).code).toBe(0);
    expect((await bench.run(['validate', good])).code).toBe(0);
    expect((await bench.run(['config', 'schema'])).code).toBe(0);
    expect((await bench.run(['completion', 'bash'])).code).toBe(0);
    expect((await bench.run(['--help'])).code).toBe(0);
    expect((await bench.run(['--version'])).code).toBe(0);
    expect((await bench.run(['explain', 'SND1003'])).code).toBe(0);
    expect((await bench.run(['__complete', 'services'])).code).toBe(0);
  });
});

describe('1', () => {
  it.each([
    ['explain', 'f00'],
    ['explain', '10.9.9.9:1'],
    ['explain', 'SND9999'],
    ['overwrite', 'f00'],
    ['probe', '10.9.9.9:1'],
    ['resume', 'web-cart'],
    ['guard', 'release', 'nowhere', '--reason', 'x'],
  ])('%s %s', async (...words) => {
    expect(await bench.run(words)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^sonde: /) as string,
    });
  });

  it('a configuration that is not valid', async () => {
    expect((await bench.run(['validate', bad])).code).toBe(1);
    for (const command of ['run', 'check', 'diff', 'doctor'])
      expect([command, (await bench.run([command, '-c', bad])).code]).toEqual([command, 1]);
  });

  it('a reload that is rejected, a sonde that is not ready, a status that is not well', async () => {
    bench.world.reload = { kind: 'rejected', text: 'error[SND1003]: unknown key `nam`\n' };
    bench.world.ready = false;
    bench.world.summary = { ...bench.world.summary, localHealth: 3 };
    expect((await bench.run(['reload'])).code).toBe(1);
    expect((await bench.run(['ping', '--ready'])).code).toBe(1);
    expect((await bench.run(['status'])).code).toBe(1);
  });

  it('a difference', async () => {
    expect((await bench.run(['diff', '-c', good])).code).toBe(1);
  });
});

describe('2', () => {
  it.each([
    ['nothing'],
    ['get', 'fleet'],
    ['get', 'instances', '--sort-by', 'size'],
    ['explain'],
    ['explain', '10.2.4.19:8080'],
    ['status', '--timeout', 'soon'],
    ['wait', 'web-cart'],
    ['wait', '--for', 'health=ill', 'web-cart'],
    ['wait', '--for', 'health=dead', 'a//b'],
    ['wait', '--for', 'health=dead', '--min', '0', 'a'],
    ['check'],
    ['check', 'smtp', 'a:1'],
    ['probe'],
    ['pause', 'web-cart'],
    ['pause', 'web-cart', '--reason', ' '],
    ['pause', 'web-cart', '--reason', 'x', '--for', '5'],
    ['pause', 'a/b/c/d', '--reason', 'x'],
    ['hold'],
    ['release'],
    ['resume'],
    ['guard'],
    ['guard', 'hold', 'local'],
    ['guard', 'hold', 'local', '--reason', 'x', '--for', '1'],
    ['overwrite'],
    ['reload', 'now'],
    ['diff'],
    ['doctor'],
    ['validate'],
    ['config', 'scheme'],
    ['completion', 'tcsh'],
    ['run'],
    ['demo', '--fast'],
    ['ping', '--server', 'localhost:9810'],
    ['get', 'instances', '--ca-file', '/nowhere/ca.pem'],
  ])('%s %s %s %s %s', async (...words) => {
    const { code, out, err } = await bench.run(words);
    expect([code, out]).toEqual([2, '']);
    expect(err).not.toBe('');
  });

  it.each(CLIENTS)('%s with an option that is not there', async (...words) => {
    expect((await bench.run([...words, '--frob'])).code).toBe(2);
  });
});

describe('3', () => {
  it('warnings, if they count', async () => {
    const doubtful = bench.file('doubtful.yaml', HEAD);
    bench.file('providers.yaml', 'services: []\n');
    expect((await bench.run(['validate', doubtful])).code).toBe(0);
    expect((await bench.run(['validate', '--strict', doubtful])).code).toBe(3);
    expect((await bench.run(['doctor', '--strict', '-c', doubtful])).code).toBe(3);
  });
});

describe('4', () => {
  it.each([...CLIENTS, ['probe', IDS.dead], ['resume', 'web-cart'], ['get', 'instances', '-w']])(
    '%s without a server',
    async (...words) => {
      const { port } = await refusing();
      const io = new FakeIo();
      io.env.SONDE_SERVER = `http://127.0.0.1:${port}`;
      const { code, out, err } = await bench.run(words, io);
      expect([code, out]).toEqual([4, '']);
      expect(err).toMatch(
        /^sonde: http:\/\/127\.0\.0\.1:\d+: connection refused \(is "sonde run" running there/,
      );
    },
  );

  it('diff without a server', async () => {
    const io = new FakeIo();
    io.env.SONDE_SERVER = 'unix:/nowhere/sonde.sock';
    expect(await bench.run(['diff', '-c', good], io)).toMatchObject({ code: 4, out: '' });
    expect(io.err.text).toContain('unix:/nowhere/sonde.sock: there is no such socket');
  });

  it.each(
    [...CLIENTS, ['probe', IDS.dead]].filter((words) => CHANGES.some((one) => one.test(words.join(' ')))),
  )('%s %s with a wrong token', async (...words) => {
    const io = new FakeIo();
    io.env.SONDE_TOKEN_FILE = bench.file('wrong', 'not-the-token-of-that-server');
    expect(await bench.run(words, io)).toMatchObject({ code: 4, out: '' });
    expect(io.err.text).toContain('the token that was sent is not its token');
  });

  it('a registry that cannot be listed', async () => {
    expect((await bench.run(['check', '-c', good])).code).toBe(4);
    expect((await bench.run(['doctor', '-c', good])).code).toBe(4);
  });
});

describe('124', () => {
  it('wait and status, once the time is over', async () => {
    const words = ['wait', '--for', 'health=healthy', 'web-cart', '--timeout', '50ms'];
    expect(await bench.run(words)).toMatchObject({ code: 124, out: '' });
    bench.world.summary = { ...bench.world.summary, firstRound: { done: 1, total: 4 } };
    expect((await bench.run(['status', '--wait', '--timeout', '50ms'])).code).toBe(124);
  });
});

describe('every command', () => {
  const program = createProgram(new FakeIo());
  const all = program.commands.flatMap((one) => (one.commands.length > 0 ? one.commands : [one]));

  it('is here', () => {
    expect(all.length).toBeGreaterThan(24);
  });

  it.each(
    program.commands
      .map((one) => [one.name()])
      .filter(([name]) => !['__complete', 'help', 'run'].includes(name ?? '')),
  )('%s has help with an example, within 80 columns', async (name = '') => {
    const { code, out } = await bench.run([name, '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`Examples:\n[^]*sonde ${name}`));
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});

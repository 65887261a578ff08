import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { afterAll, describe, expect, it } from 'vitest';
import { scriptProbe } from '../../src/probes/script.ts';
import { describeProbe } from '../contracts/probe.contract.ts';
import { behaviours, tcp } from '../support/lab/servers.ts';
import { instanceAt, issuesOf, makeProbe } from '../support/probe-bench.ts';
import { tempDir } from '../support/temp-dir.ts';

const folders = new DisposableStack();
afterAll(() => folders.dispose());

const AT = { host: '10.0.0.1', port: 8080, metadata: { 'zone.name': 'a; touch /tmp/evil' } };
const sh = (text: string) => ({ command: ['/bin/sh', '-c', text] });

async function look(options: object, bench: Parameters<typeof makeProbe>[3] = {}) {
  await using scope = new AsyncDisposableStack();
  return await makeProbe(scriptProbe, options, scope, bench).look(AT);
}

// Speaks over /dev/tcp of bash: 2 when it cannot connect, 1 when the answer is another.
const PING = `exec 3<>"/dev/tcp/$SONDE_HOST/$SONDE_PORT" || exit 2
printf 'PING\\r\\n' >&3; IFS= read -r line <&3 && [ "$line" = $'PING\\r' ] || exit 1`;

describeProbe(scriptProbe, {
  options: { command: ['bash', '-c', PING] },
  good: (scope) => tcp(scope, behaviours.echo),
  answers: {
    refuse: 'script-exit',
    blackHole: 'script-timeout',
    hang: 'script-timeout',
    resetAtOnce: 'script-exit',
    resetMidByte: 'script-exit',
    byteASecond: 'script-timeout',
    endlessBody: 'script-exit',
    informationalFlood: 'script-exit',
    garbage: 'script-exit',
    halfClose: 'script-exit',
  },
  storm: 20,
  closesByFin: 'bash knows no other way',
  connectsNot: 'its program connects',
});

describe('script', () => {
  it.each([
    [0, { kind: 'pass' }],
    [1, { kind: 'fail', cause: 'script-exit', reached: true }],
    [2, { kind: 'fail', cause: 'script-exit', reached: false }],
    [3, { kind: 'skip', cause: 'script-unknown' }],
    [77, { kind: 'fail', cause: 'script-exit', reached: true }],
    [127, { kind: 'skip', cause: 'script-missing' }],
  ])('reads exit code %i as Nagios does', async (code, expected) => {
    expect(await look(sh(`echo because; exit ${code}`))).toMatchObject(expected);
  });

  it.each([
    [0, { kind: 'pass' }],
    [1, { kind: 'fail', reached: false }],
    [3, { kind: 'fail', reached: true }],
  ])('reads exit code %i as Docker does', async (code, expected) => {
    expect(await look({ ...sh(`exit ${code}`), exitCodes: 'docker' })).toMatchObject(expected);
  });

  it('tells the first line and the code', async () => {
    expect(await look(sh('echo disk full; echo more; exit 1'))).toMatchObject({
      detail: 'exit 1: disk full',
    });
    expect(await look(sh('kill -9 $$'))).toMatchObject({ kind: 'fail', detail: 'ended by SIGKILL' });
  });

  it('gives the program a clean environment and the instance', async () => {
    process.env.SONDE_TEST_LEAK = 'leaked';
    const dir = tempDir(folders);
    expect(
      await look({ ...sh('env > env.txt; pwd >> env.txt'), cwd: dir, env: { MINE: 'yes' } }),
    ).toMatchObject({ kind: 'pass' });
    const env = readFileSync(join(dir, 'env.txt'), 'utf8');
    expect(env).toContain('SONDE_HOST=10.0.0.1\n');
    expect(env).toContain('SONDE_PORT=8080\n');
    expect(env).toContain('SONDE_METADATA_ZONE_NAME=a; touch /tmp/evil\n');
    expect(env).toContain('MINE=yes\n');
    expect(env).toContain(`${dir}\n`);
    expect(env).not.toContain('leaked');
    delete process.env.SONDE_TEST_LEAK;
  });

  it('fills templates into single arguments, never into a shell', async () => {
    const options = {
      command: ['/bin/echo', '${instance.host}:${instance.port}', '${instance.metadata.zone.name}'],
    };
    expect(await look(options)).toMatchObject({ kind: 'pass', detail: '10.0.0.1:8080 a; touch /tmp/evil' });
    expect(await look({ command: ['test "$SONDE_PORT" = 8080'], shell: true })).toMatchObject({
      kind: 'pass',
    });
    expect(issuesOf(scriptProbe, { command: ['echo ${instance.host}'], shell: true })[0]).toMatch(
      /^command: no /,
    );
    expect(issuesOf(scriptProbe, { command: ['a', 'b'], shell: true })).toHaveLength(1);
    expect(issuesOf(scriptProbe, { command: [] })).toHaveLength(1);
  });

  it.each<[string, string[]]>([
    ['the program', ['${instance.metadata.program}', 'x']],
    ['what a shell reads', ['sh', '-c', 'echo ${instance.host}']],
    ['what a shell behind env reads', ['/usr/bin/env', 'bash', '-e', '-uc', 'echo ${instance.host}', '$0']],
  ])('lets no provider choose %s', (_, command) => {
    expect(issuesOf(scriptProbe, { command })).toHaveLength(1);
  });

  it('takes templates beside what a shell reads', () => {
    const command = ['sh', '-c', 'echo "$1"', 'sh', '${instance.host}'];
    expect(issuesOf(scriptProbe, { command })).toEqual([]);
  });

  it('lets no provider turn an argument into an option', async () => {
    const at = (flag: string) => ({ ...AT, metadata: { flag } });
    await using scope = new AsyncDisposableStack();
    const { look: whole } = makeProbe(scriptProbe, { command: ['echo', '${instance.metadata.flag}'] }, scope);
    expect(await whole(at('-n'))).toMatchObject({ kind: 'skip', cause: 'plugin-error' });
    expect(await whole(at('n'))).toMatchObject({ kind: 'pass', detail: 'n' });
    const { look: part } = makeProbe(
      scriptProbe,
      { command: ['echo', '-x${instance.metadata.flag}'] },
      scope,
    );
    expect(await part(at('-n'))).toMatchObject({ kind: 'pass', detail: '-x-n' });
  });

  it('shows nothing that would steer a terminal', async () => {
    expect(await look(sh("printf 'a\\033[2Jb\\n'"))).toMatchObject({ detail: 'a [2Jb' });
  });

  it('keeps no more than 4096 bytes of a flood of output', async () => {
    expect(await look(sh('head -c 5000000 /dev/zero | tr "\\0" x; exit 1'))).toMatchObject({
      kind: 'fail',
      cause: 'script-exit',
    });
  });

  it('kills the whole group at the deadline, first asking, then telling', async () => {
    const dir = tempDir(folders);
    const stubborn = `trap "" TERM; echo $$ > leader; (trap "" TERM; sh -c 'echo $$ > child; sleep 60') & sleep 60`;
    const outcome = await look({ ...sh(stubborn), cwd: dir, killAfter: '100ms' }, { timeout: 400 });
    expect(outcome).toMatchObject({ kind: 'fail', cause: 'script-timeout', reached: true });
    for (const name of ['leader', 'child']) {
      const pid = Number(readFileSync(join(dir, name), 'utf8'));
      await expect.poll(() => stateOf(pid)).toBe('gone');
    }
  });

  it('does not wait for what a program left behind, and takes it along', async () => {
    const dir = tempDir(folders);
    expect(
      await look({ ...sh('sleep 60 & echo $! > left; exit 0'), cwd: dir }, { timeout: 3_000 }),
    ).toMatchObject({ kind: 'pass' });
    const pid = Number(readFileSync(join(dir, 'left'), 'utf8'));
    await expect.poll(() => stateOf(pid)).toBe('gone');
  });

  it('reads what was said before the end, though a stranger holds the pipes open', async () => {
    const started = performance.now();
    expect(await look(sh('setsid sleep 3 & echo spoken; exit 1'))).toMatchObject({
      detail: 'exit 1: spoken',
    });
    expect(performance.now() - started).toBeLessThan(2_500);
  });

  it('leaves no zombie', async () => {
    await Promise.all(Array.from({ length: 20 }, () => look(sh('sleep 0.05 & exit 0'))));
    const children = readdirSync('/proc').filter((pid) => {
      const [, parent, state] = statusOf(pid);
      return parent === process.pid && state === 'Z';
    });
    expect(children).toEqual([]);
  });

  it('keeps its place until the last process of the group is gone', async () => {
    await using scope = new AsyncDisposableStack();
    const limit = pLimit(1);
    const { probe } = makeProbe(scriptProbe, { ...sh('trap "" TERM; sleep 60'), killAfter: '300ms' }, scope, {
      deps: { scriptLimit: limit },
    });
    const stop = new AbortController();
    const running = probe.run(instanceAt(AT), stop.signal);
    await expect.poll(() => limit.activeCount).toBe(1);
    stop.abort(new Error('over'));
    expect(await running).toMatchObject({ cause: expect.stringMatching(/^(script-timeout|prober-limit)$/) });
    expect(limit.activeCount).toBe(1);
    await expect.poll(() => limit.activeCount).toBe(0);
  });

  it('takes what still runs along when its check goes', async () => {
    const dir = tempDir(folders);
    const scope = new AsyncDisposableStack();
    const script = { ...sh('trap "" TERM; echo $$ > pid; sleep 60'), cwd: dir, killAfter: '1h' };
    const { look: start } = makeProbe(scriptProbe, script, scope, { timeout: 300 });
    expect(await start(AT)).toMatchObject({ cause: 'script-timeout' });
    const pid = Number(readFileSync(join(dir, 'pid'), 'utf8'));
    expect(stateOf(pid)).not.toBe('gone');
    await scope.disposeAsync();
    expect(stateOf(pid)).toBe('gone');
  });

  it('does not blame the instance when the place came too late', async () => {
    await using scope = new AsyncDisposableStack();
    const limit = pLimit(1);
    const bench = { timeout: 600, deps: { scriptLimit: limit } };
    const first = makeProbe(scriptProbe, sh('sleep 0.2'), scope, bench).look(AT);
    const second = makeProbe(scriptProbe, sh('sleep 5'), scope, bench).look(AT);
    expect(await first).toMatchObject({ kind: 'pass' });
    expect(await second).toMatchObject({ kind: 'skip', cause: 'prober-limit' });
  });

  it('starts relative paths at the folder of the configuration', async () => {
    const dir = tempDir(folders);
    writeFileSync(join(dir, 'check'), '#!/bin/sh\npwd\n', { mode: 0o755 });
    expect(await look({ command: ['./check'] }, { deps: { baseDir: dir } })).toMatchObject({
      kind: 'pass',
      detail: dir,
    });
  });

  it('does not blame the instance for a script that is missing or not executable', async () => {
    expect(await look({ command: ['/nowhere/check'] })).toMatchObject({
      kind: 'skip',
      cause: 'script-missing',
    });
    const file = join(tempDir(folders), 'check');
    writeFileSync(file, '#!/bin/sh\n');
    chmodSync(file, 0o644);
    expect(await look({ command: [file] })).toMatchObject({ kind: 'skip', cause: 'script-missing' });
    expect(await look({ command: ['/bin/true'], cwd: '/nowhere' })).toMatchObject({ kind: 'skip' });
  });

  it('does not blame the instance for waiting in our own queue', async () => {
    await using scope = new AsyncDisposableStack();
    const { look: queued } = makeProbe(scriptProbe, sh('sleep 1'), scope, {
      timeout: 300,
      deps: { scriptLimit: pLimit(1) },
    });
    const outcomes = await Promise.all([queued(AT), queued(AT)]);
    expect(outcomes.map((outcome) => 'cause' in outcome && outcome.cause)).toEqual([
      'script-timeout',
      'prober-limit',
    ]);
  });

  it('starts nothing when it was aborted before', async () => {
    await using scope = new AsyncDisposableStack();
    const { probe } = makeProbe(scriptProbe, sh('exit 0'), scope);
    expect(await probe.run(instanceAt(AT), AbortSignal.abort())).toMatchObject({
      kind: 'skip',
      cause: 'prober-limit',
    });
  });
});

/** Name, parent and state of a process. */
function statusOf(pid: string): readonly [string, number, string] {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (name: string): string => new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(text)?.[1] ?? '';
    return [field('Name'), Number(field('PPid')), field('State')];
  } catch {
    return ['', 0, ''];
  }
}

/** `gone` also for a zombie that waits for another parent. */
function stateOf(pid: number): string {
  try {
    const state = /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
    return state === 'Z' ? 'gone' : state;
  } catch {
    return 'gone';
  }
}

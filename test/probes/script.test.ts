import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { describe, expect, it } from 'vitest';
import { scriptProbe } from '../../src/probes/script.ts';
import { instanceAt, issuesOf, makeProbe } from '../support/probe-bench.ts';

const AT = { host: '10.0.0.1', port: 8080, metadata: { 'zone.name': 'a; touch /tmp/evil' } };
const sh = (text: string) => ({ command: ['/bin/sh', '-c', text] });

async function look(options: object, bench: Parameters<typeof makeProbe>[3] = {}) {
  await using scope = new AsyncDisposableStack();
  return await makeProbe(scriptProbe, options, scope, bench).look(AT);
}

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
    const dir = mkdtempSync(join(tmpdir(), 'sonde-script-'));
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

  it('keeps no more than 4096 bytes of a flood of output', async () => {
    expect(await look(sh('head -c 5000000 /dev/zero | tr "\\0" x; exit 1'))).toMatchObject({
      kind: 'fail',
      cause: 'script-exit',
    });
  });

  it('kills the whole group at the deadline, first asking, then telling', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'sonde-script-'));
    const stubborn = `trap "" TERM; echo $$ > leader; (trap "" TERM; sh -c 'echo $$ > child; sleep 60') & sleep 60`;
    const outcome = await look({ ...sh(stubborn), cwd: dir, killAfter: '100ms' }, { timeout: 400 });
    expect(outcome).toMatchObject({ kind: 'fail', cause: 'script-timeout', reached: true });
    for (const name of ['leader', 'child']) {
      const pid = Number(readFileSync(join(dir, name), 'utf8'));
      await expect.poll(() => stateOf(pid)).toBe('gone');
    }
  });

  it('does not wait for what a program left behind, and takes it along', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'sonde-script-'));
    expect(
      await look({ ...sh('sleep 60 & echo $! > left; exit 0'), cwd: dir }, { timeout: 3_000 }),
    ).toMatchObject({ kind: 'pass' });
    const pid = Number(readFileSync(join(dir, 'left'), 'utf8'));
    await expect.poll(() => stateOf(pid)).toBe('gone');
  });

  it('does not blame the instance for a script that is missing or not executable', async () => {
    expect(await look({ command: ['/nowhere/check'] })).toMatchObject({
      kind: 'skip',
      cause: 'script-missing',
    });
    const file = join(mkdtempSync(join(tmpdir(), 'sonde-script-')), 'check');
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

/** `gone` also for a zombie that waits for another parent. */
function stateOf(pid: number): string {
  try {
    const state = /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
    return state === 'Z' ? 'gone' : state;
  } catch {
    return 'gone';
  }
}

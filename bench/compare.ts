/**
 * What a check costs the checking process: sonde, HAProxy and blackbox_exporter in one run against the same nginx on loopback.
 * `npm run bench`; about four minutes; writes bench/results.md. Ratios are what to read: both sides ran on the same machine.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { blackbox, type Checker, haproxy, type Mode, type Setting, sonde } from './checkers.ts';
import { cpuMs, memoryMb } from './process-cost.ts';
import { TargetServer } from './target-server.ts';

const TARGETS = 200;
const ROUNDS = 3;
const WARM_UP = 4_000;
const MEASURED = 8_000;
const CHECKERS: readonly Checker[] = [sonde, haproxy, blackbox];
const MODES: readonly Mode[] = ['tcp', 'http', 'http on kept connections'];

interface Sample {
  readonly checks: number;
  /** CPU of the checking process for one check. */
  readonly microseconds: number;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function install(): void {
  const missing = [
    ['nginx', 'nginx-light'],
    ['haproxy', 'haproxy'],
    ['prometheus-blackbox-exporter', 'prometheus-blackbox-exporter'],
  ].filter(([program = '']) => {
    try {
      execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
  if (missing.length === 0) return;
  const packages = missing.map(([, name = '']) => name);
  process.stderr.write(`installing ${packages.join(', ')}\n`);
  execFileSync('apt-get', ['update', '-q'], { stdio: 'ignore' });
  execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], {
    stdio: 'ignore',
  });
  // Debian starts what it installs; here everything runs on ports and files of its own.
  for (const name of packages.map((one) => (one === 'nginx-light' ? 'nginx' : one))) {
    try {
      execFileSync('service', [name, 'stop'], { stdio: 'ignore' });
    } catch {
      // It was not running.
    }
  }
}

async function measure(checker: Checker, setting: Setting, server: TargetServer): Promise<Sample> {
  await using scope = new AsyncDisposableStack();
  const pid = checker.start(setting, scope);
  await sleep(WARM_UP);
  const [before, cpuBefore] = [await server.counts(), cpuMs(pid)];
  await sleep(MEASURED);
  const [after, cpuAfter] = [await server.counts(), cpuMs(pid)];
  // Our own question for the counts is one request; what else opens connections on this machine should be idle.
  const count =
    setting.mode === 'tcp' ? after.connections - before.connections : after.requests - before.requests - 1;
  return { checks: count, microseconds: ((cpuAfter - cpuBefore) * 1_000) / count };
}

/** Rounds are interleaved, so that whatever else the machine does meets all of them. */
async function compare(dir: string, server: TargetServer): Promise<ReadonlyMap<string, readonly Sample[]>> {
  const samples = new Map<string, Sample[]>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const mode of MODES) {
      for (const checker of CHECKERS.filter(({ modes }) => modes.includes(mode))) {
        const setting = { mode, port: server.port, targets: TARGETS, every: 1, dir: join(dir, checker.name) };
        const key = `${checker.name}/${mode}`;
        const list = samples.get(key) ?? [];
        samples.set(key, list);
        list.push(await measure(checker, setting, server));
        process.stderr.write(
          `round ${round + 1} of ${ROUNDS}: ${key}: ${list.at(-1)?.microseconds.toFixed(0)} µs\n`,
        );
      }
    }
  }
  return samples;
}

function costTable(samples: ReadonlyMap<string, readonly Sample[]>): string {
  const cost = (name: string, mode: Mode): number =>
    median((samples.get(`${name}/${mode}`) ?? []).map(({ microseconds }) => microseconds));
  const rows = MODES.map((mode) => {
    const peer = mode === 'tcp' ? 'tcp' : 'http';
    const ours = cost('sonde', mode);
    const theirs = [haproxy, blackbox].map(({ name }) => cost(name, peer));
    const cells = theirs.map((other) => `${other.toFixed(0)} µs | ${(ours / other).toFixed(1)}`);
    const seen = (samples.get(`sonde/${mode}`) ?? []).map(({ checks }) => checks);
    return `| ${mode} | ${ours.toFixed(0)} µs | ${cells.join(' | ')} | ${median(seen)} |`;
  });
  return [
    '| mode | sonde | HAProxy | sonde ÷ HAProxy | blackbox_exporter | sonde ÷ blackbox | sonde’s checks in 8 s |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

/** Whether sonde has made its first look, as its API says. */
async function hasLooked(): Promise<boolean> {
  try {
    const answer = await fetch('http://127.0.0.1:18090/v1/summary');
    return ((await answer.json()) as { firstRound: { done: number } }).firstRound.done > 0;
  } catch {
    return false;
  }
}

async function memoryTable(dir: string, port: number): Promise<string> {
  const rows: string[] = [];
  for (const targets of [10, 1_000, 10_000]) {
    await using scope = new AsyncDisposableStack();
    const started = performance.now();
    const setting: Setting = { mode: 'http', port, targets, every: 20, dir: join(dir, `memory-${targets}`) };
    const pid = sonde.start(setting, scope);
    while (!(await hasLooked())) await sleep(5);
    const first = performance.now() - started;
    await sleep(30_000);
    rows.push(`| ${targets} | ${memoryMb(pid).toFixed(0)} MB | ${first.toFixed(0)} ms |`);
    process.stderr.write(`memory with ${targets} targets: ${memoryMb(pid).toFixed(0)} MB\n`);
  }
  return ['| targets | resident memory | from start to first probe |', '|---|---|---|', ...rows].join('\n');
}

install();
await using scope = new AsyncDisposableStack();
const dir = mkdtempSync(join(tmpdir(), 'sonde-bench-'));
scope.defer(() => rmSync(dir, { recursive: true, force: true }));
const server = await TargetServer.start(dir, scope);
const costs = costTable(await compare(dir, server));
const memory = await memoryTable(dir, server.port);
const [cpu] = cpus();
const report = `# What a check costs

Written by \`npm run bench\`, ${new Date().toISOString().slice(0, 10)}. ${cpus().length} × ${cpu?.model.trim() ?? 'CPU'}, ${Math.round(totalmem() / 1e9)} GB, Linux ${release()}.
${CHECKERS.map((checker) => checker.version()).join('; ')}.

CPU time (user and system) of the checking process for one check: ${TARGETS} targets, one check a second each, all the same nginx on loopback;
median of ${ROUNDS} interleaved rounds of ${MEASURED / 1_000} s after ${WARM_UP / 1_000} s of warm-up. HAProxy runs one thread. blackbox_exporter is asked by a
client whose cost is not counted. “Kept connections” is sonde's \`connection: reuse\` beside the others' fresh ones.

${costs}

Memory of sonde (HTTP on fresh connections, one look each 20 s), 30 s after its first look:

${memory}
`;
writeFileSync(join(import.meta.dirname, 'results.md'), report);
process.stdout.write(report);

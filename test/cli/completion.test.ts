import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, programPath } from '../support/servers.ts';
import { CliBench } from './cli-bench.ts';
import { LAID } from './world.ts';

const scope = new AsyncDisposableStack();
let bench: CliBench;
/** A folder in PATH with `sonde` in it, and the scripts beside. */
let bin: string;

beforeAll(async () => {
  bench = await CliBench.start(scope);
  bench.world.interventions = [LAID];
  bin = join(bench.dir, 'bin');
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, 'node'));
  writeFileSync(
    join(bin, 'sonde'),
    `#!/bin/sh\nexec "${process.execPath}" "${join(import.meta.dirname, '../../bin/sonde.js')}" "$@"\n`,
    { mode: 0o755 },
  );
  for (const shell of ['bash', 'zsh', 'fish'])
    bench.file(`sonde.${shell}`, (await bench.run(['completion', shell])).out);
  bench.file('sonde.yaml', '');
});
afterAll(() => scope.disposeAsync());

/** What a shell prints, line by line and in order; not run synchronously, because it asks our server. */
async function lines(shell: string, script: string): Promise<readonly string[]> {
  const env = {
    ...process.env,
    PATH: `${bin}:${process.env.PATH ?? ''}`,
    SONDE_SERVER: bench.server.url,
    HOME: bench.dir,
  };
  const args =
    shell === 'zsh'
      ? ['-f', '-c', script]
      : shell === 'fish'
        ? ['--no-config', '-c', script]
        : ['--norc', '-c', script];
  const text = await new Promise<string>((resolve, reject) => {
    execFile(programPath(shell) ?? shell, args, { env, cwd: bench.dir }, (error, stdout, stderr) => {
      if (error !== null || stderr !== '') reject(new Error(`${stdout}${stderr}`, { cause: error }));
      else resolve(stdout);
    });
  });
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .toSorted();
}

/** The line up to the cursor, and what is offered. */
const CASES: readonly (readonly [string, readonly string[]])[] = [
  ['sonde rel', ['release', 'reload']],
  ['sonde get in', ['instances', 'interventions']],
  ['sonde config ', ['render', 'schema']],
  ['sonde get instances --hea', ['--headers', '--health'].slice(1)],
  ['sonde get instances -o j', ['json', 'jsonl']],
  ['sonde get instances --registry ', ['local', 'other']],
  ['sonde -V get services --namespace ', ['shop']],
  ['sonde check --connect-t', ['--connect-timeout']],
  ['sonde completion z', ['zsh']],
  ['sonde pause web-', ['web-cart', 'web-shop']],
  ['sonde pause shop/web-c', ['shop/web-cart']],
  ['sonde resume b', ['b000000000000001']],
  ['sonde guard release l', ['local']],
  ['sonde explain SND101', ['SND1010', 'SND1011']],
  ['sonde validate son', ['sonde.bash', 'sonde.fish', 'sonde.yaml', 'sonde.zsh']],
  ['sonde run --config sonde.y', ['sonde.yaml']],
];

describeWith('bash', 'bash', 'completion in bash', () => {
  async function complete(line: string, breaks = ' \t\n"\'@><=;|&(:'): Promise<readonly string[]> {
    const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
    return lines(
      'bash',
      `COMP_WORDBREAKS=${quoted(breaks)}; source ./sonde.bash; COMP_LINE=${quoted(line)}; COMP_POINT=\${#COMP_LINE}; _sonde; printf '%s\\n' "\${COMPREPLY[@]}"`,
    );
  }

  it.each(CASES)('%s', async (line, offered) => {
    expect(await complete(line)).toEqual(offered);
  });

  it('completes lists, values behind =, and addresses with their colons', async () => {
    expect(await complete('sonde get instances --health dead,h')).toEqual(['dead,healthy']);
    expect(await complete('sonde get instances --health=sub')).toEqual(['sub-healthy']);
    expect(await complete('sonde explain 10.2.4.17')).toEqual(['10.2.4.17:8080']);
    expect(await complete('sonde explain 10.2.4.17:80')).toEqual(['8080']);
    expect(await complete('sonde explain 10.2.4.17:80', ' ')).toEqual(['10.2.4.17:8080']);
  });

  it('offers nothing where nobody knows', async () => {
    expect(await complete('sonde pause web-cart --reason ')).toEqual([]);
    expect(await complete('sonde frobnicate --x')).toEqual([]);
  });
});

describeWith('zsh', 'zsh', 'completion in zsh', () => {
  /** The functions of zsh's own that the script calls, told to say what they were given. */
  const STUBS = `
    compdef() { :; }
    compset() {
      case "$2" in ('*,') [[ $cur == *,* ]] && cur=\${cur##*,} ;; esac
      return 0
    }
    compadd() { local w; [[ $1 == -- ]] && shift; for w in "$@"; do [[ $w == "$cur"* ]] && print -r -- "$w"; done; return 0 }
    _describe() { local w; [[ $1 == -o ]] && shift; for w in "\${(@P)2}"; do [[ \${w%%:*} == "$cur"* ]] && print -r -- "\${w%%:*}"; done; return 0 }
    _files() { local w; for w in "$cur"*(N); do print -r -- "$w"; done }
  `;

  it.each(CASES)('%s', async (line, offered) => {
    const words = line.split(' ').map((word) => `'${word}'`);
    const script = `${STUBS} source ./sonde.zsh; words=(${words.join(' ')}); CURRENT=\${#words}; _sonde`;
    expect(await lines('zsh', script)).toEqual(offered);
  });

  it('loads where compinit loads it', async () => {
    bench.file('_sonde', (await bench.run(['completion', 'zsh'])).out);
    const script = `fpath=(${bench.dir} $fpath); autoload -Uz compinit; compinit -u -d ${bench.dir}/dump; print -r -- $_comps[sonde]`;
    expect(await lines('zsh', script)).toEqual(['_sonde']);
  });
});

describeWith('fish', 'fish', 'completion in fish', () => {
  async function complete(line: string): Promise<readonly string[]> {
    const found = await lines('fish', `source ./sonde.fish; complete -C '${line}'`);
    return found.map((one) => one.split('\t')[0] ?? '').toSorted();
  }

  it.each(CASES)('%s', async (line, offered) => {
    expect(await complete(line)).toEqual(offered);
  });

  it('says what each is', async () => {
    expect(await lines('fish', "source ./sonde.fish; complete -C 'sonde over'")).toEqual([
      expect.stringMatching(/^overwrite\tWrite over somebody else's value or mark/),
    ]);
  });
});

it('a sonde that does not answer leaves the line alone', async () => {
  const silent = await CliBench.start(scope);
  silent.env.SONDE_SERVER = 'http://127.0.0.1:1';
  expect(await silent.run(['__complete', 'instances', '10.'])).toEqual({ code: 0, out: '', err: '' });
  silent.env.SONDE_SERVER = 'nonsense';
  expect(await silent.run(['__complete', 'services'])).toEqual({ code: 0, out: '', err: '' });
});

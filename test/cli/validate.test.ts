import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { refusing } from '../support/lab/servers.ts';
import { tempDir } from '../support/temp-dir.ts';
import { FakeIo } from './fake-io.ts';

const scope = new DisposableStack();
afterAll(() => scope.dispose());
const dir = tempDir(scope);

const HEAD = 'version: 1\nregistries:\n  - { name: local, kind: file, path: ./p.yaml }\n';
const good = file('good.yaml', `${HEAD}checks:\n  - { name: web, probe: { kind: http } }\n`);
const bad = file('bad.yaml', `${HEAD}checks:\n  - { name: web, probe: { kind: htpp } }\n`);
const doubtful = file('doubtful.yaml', HEAD);

function file(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

async function run(...words: readonly string[]) {
  const io = new FakeIo();
  await createProgram(io).parseAsync(words, { from: 'user' });
  return { code: io.exitCode ?? 0, out: io.out.text, err: io.err.text };
}

describe('sonde validate', () => {
  it('says that a file is valid', async () => {
    expect(await run('validate', good)).toEqual({ code: 0, out: `${good}: valid\n`, err: '' });
  });

  it('shows what is wrong and exits with 1', async () => {
    const { code, out } = await run('validate', good, bad);
    expect(code).toBe(1);
    expect(out).toContain('error[SND1008]: unknown kind `htpp`');
    expect(out).toContain('= help: did you mean `http`?');
    expect(out).toMatch(/good\.yaml: valid\n.*bad\.yaml: 1 error\n$/);
  });

  it('asks the registries with --online, and says what would match', async () => {
    const { port } = await refusing();
    const checks =
      'checks:\n  - { name: web, probe: { kind: http } }\n  - { name: db, match: { service: db }, probe: { kind: tcp } }\n';
    const listed = file('online.yaml', `${HEAD.replace('./p.yaml', './online-providers.yaml')}${checks}`);
    file('online-providers.yaml', 'services: [{ name: web, instances: [{ host: 10.0.0.1, port: 80 }] }]\n');
    const there = await run('validate', '--online', listed);
    expect(there.out.replace(/in \d+ ms/, 'in 1 ms')).toBe(`${listed}: valid

registries
  √ local (file, dry-run) was listed: 1 instance of 1 service in 1 ms

checks
  √ web looks at 1 instance of 1 service
  ‼ db looks at nobody
      → nothing that is registered now has these names and metadata

0 errors, 1 warning.
`);
    expect(there.code).toBe(0);
    expect(await run('validate', '--online', '--strict', listed)).toMatchObject({ code: 3 });
    const etcd = `version: 1\nregistries:\n  - { name: e, kind: etcd, endpoints: ["http://127.0.0.1:${port}"] }\n`;
    const gone = await run('validate', '--online', file('gone.yaml', `${etcd}${checks}`));
    expect(gone.out).toContain('not every registry could be listed');
    expect(gone.code).toBe(4);
    expect(await run('validate', '--online', bad)).toMatchObject({ code: 1 });
  });

  it('exits with 3 on warnings if it is strict', async () => {
    expect(await run('validate', doubtful)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/: valid, 1 warning\n$/),
    });
    expect(await run('validate', '--strict', doubtful)).toMatchObject({ code: 3 });
    expect(await run('validate', '--strict', good)).toMatchObject({ code: 0 });
    expect(await run('validate', '--strict', doubtful, bad)).toMatchObject({ code: 1 });
  });

  it('answers in other formats, with nothing else beside', async () => {
    const { code, out } = await run('validate', '--format', 'json', bad);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      problems: [{ code: 'SND1008', file: bad, start: { line: 5, col: 33 } }],
    });
    expect((await run('validate', '--format', 'concise', bad)).out).toBe(
      `${bad}:5:33: error SND1008: unknown kind \`htpp\` (did you mean \`http\`?)\n`,
    );
    expect((await run('validate', '--format', 'concise', good)).out).toBe('');
    expect((await run('validate', '--format', 'github', bad)).out).toMatch(/^::error file=/);
  });

  it('takes a file that is not there for an invalid one', async () => {
    const { code, out } = await run('validate', join(dir, 'none.yaml'));
    expect(code).toBe(1);
    expect(out).toContain('error[SND1010]: cannot be read: there is no such file');
  });

  it('reads standard input', () => {
    const sonde = join(import.meta.dirname, '../../bin/sonde.js');
    const words = [sonde, 'validate', '--format', 'concise', '-'];
    const { stdout, status } = spawnSync(process.execPath, words, {
      input: readFileSync(bad),
      encoding: 'utf8',
    });
    expect(stdout).toBe('<stdin>:5:33: error SND1008: unknown kind `htpp` (did you mean `http`?)\n');
    expect(status).toBe(1);
  });

  it('refuses words that it does not know', async () => {
    await expect(run('validate')).rejects.toThrow("missing required argument 'file'");
    await expect(run('validate', '--format', 'xml', good)).rejects.toThrow('Allowed choices are text');
    await expect(run('validate', '-', '-')).rejects.toThrow('standard input can be read once');
  });
});

describe('sonde config schema', () => {
  it('prints the JSON Schema', async () => {
    const { code, out } = await run('config', 'schema');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ $schema: 'http://json-schema.org/draft-07/schema#' });
  });
});

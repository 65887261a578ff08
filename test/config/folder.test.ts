import { mkdir, mkdtemp, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtins } from '../../src/app/builtins.ts';
import { formatProblems } from '../../src/config/format.ts';
import { type LoadResult, loadConfig, revisionNow } from '../../src/config/load.ts';

const A = `version: 1
x-http: &http { kind: http }
registries:
  - { name: local, kind: file, path: ./providers.yaml }
rules: { quick: { kind: consecutive } }
checks:
  - { name: web, probe: *http, rule: slow }
`;
const B = `version: 1
rules: { slow: { kind: consecutive, fall: 9 } }
checks:
  - { name: jobs, probe: { kind: tcp } }
engine: { perHost: 3 }
`;

interface Folder extends AsyncDisposable {
  readonly dir: string;
  load(): Promise<LoadResult>;
  /** `file:line:col code message`. */
  problems(): Promise<readonly string[]>;
}

async function folder(files: Readonly<Record<string, string>>): Promise<Folder> {
  const dir = await mkdtemp(join(tmpdir(), 'sonde-folder-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
  const load = (): Promise<LoadResult> => loadConfig(dir, { catalogue: builtins, env: {} });
  return {
    dir,
    load,
    problems: async () => {
      const result = await load();
      const problems = result.ok ? result.warnings : result.problems;
      return problems.map(
        ({ file, start, code, message }) =>
          `${file.slice(dir.length + 1)}:${start.line}:${start.col} ${code} ${message}`,
      );
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true }),
  };
}

describe('a folder of files', () => {
  it('is one configuration: lists and rules are joined, in the order of the names', async () => {
    await using place = await folder({ 'b.yml': B, 'a.yaml': A, '.c.yaml': '{', 'd.txt': '{' });
    await mkdir(join(place.dir, 'e.yaml'));
    const result = await place.load();
    if (!result.ok) expect.fail(JSON.stringify(result.problems));
    const { config } = result;
    expect(config.checks.map(({ name, ruleName }) => `${name} ${ruleName}`)).toEqual([
      'web slow',
      'jobs standard',
    ]);
    expect(config.engine.perHost).toBe(3);
    expect(config.baseDir).toBe(place.dir);
    expect(config.positions.get('/checks/0')).toBe(`${join(place.dir, 'a.yaml')}:7:7`);
    expect(config.positions.get('/checks/1')).toBe(`${join(place.dir, 'b.yml')}:4:7`);
    expect(config.positions.get('/rules/slow')).toBe(`${join(place.dir, 'b.yml')}:2:10`);
    expect(config.files).toEqual([join(place.dir, 'a.yaml'), join(place.dir, 'b.yml'), place.dir]);
  });

  it('tells what stands in two files, with both places', async () => {
    const again = `version: 1
rules: { quick: { kind: consecutive } }
registries: [{ name: local, kind: file, path: ./other.yaml }]
checks: [{ name: web, probe: { kind: tcp } }]
engine: { scripts: 1 }
`;
    await using place = await folder({ 'a.yaml': A, 'b.yaml': B, 'c.yaml': again });
    expect(await place.problems()).toEqual([
      'c.yaml:2:10 SND1002 this key is there already',
      'c.yaml:3:22 SND2001 there is already a registry `local`',
      'c.yaml:4:18 SND2001 there is already a check `web`',
      'c.yaml:5:1 SND1002 `engine` is in another file already',
    ]);
    const result = await place.load();
    if (result.ok) expect.fail('it was taken');
    expect(result.problems.map(({ notes }) => notes.map(({ file, start }) => [file, start.line]))).toEqual([
      [[join(place.dir, 'a.yaml'), 5]],
      [[join(place.dir, 'a.yaml'), 4]],
      [[join(place.dir, 'a.yaml'), 7]],
      [[join(place.dir, 'b.yaml'), 5]],
    ]);
    const text = formatProblems('text', result.problems, result.texts, { colour: false, columns: 200 });
    expect(text).toContain('5 │ engine: { scripts: 1 }\n');
    expect(text).toContain('5 │ engine: { perHost: 3 }\n');
  });

  it('wants the version in each file, and anchors where they are used', async () => {
    await using place = await folder({
      'a.yaml': A,
      'b.yaml': 'checks: [{ name: jobs, probe: *http }]\n',
      'c.yaml': 'version: 2\n',
    });
    expect(await place.problems()).toEqual([
      'a.yaml:7:38 SND2002 there is no rule `slow`',
      'b.yaml:1:1 SND1004 `version` is missing',
      'b.yaml:1:31 SND1011 there is no anchor `&http` above',
      'c.yaml:1:10 SND1006 must be 1',
    ]);
  });

  it('tells what is no YAML in any of them, and nothing that follows from it', async () => {
    await using place = await folder({ 'a.yaml': A, 'b.yaml': 'checks: [', 'c.yaml': '' });
    const problems = await place.problems();
    expect(problems).toHaveLength(2);
    expect(problems[0]).toMatch(/^b\.yaml:1:\d+ SND1001 /);
    expect(problems[1]).toBe('c.yaml:1:1 SND1005 the file is empty');
  });

  it('needs a file that can be read', async () => {
    await using place = await folder({});
    expect((await place.problems())[0]).toMatch(/SND1010 cannot be read: the folder holds no/);
    await symlink('/no/such/file', join(place.dir, 'a.yaml'));
    expect(await place.problems()).toEqual(['a.yaml:1:1 SND1010 cannot be read: there is no such file']);
  });

  it('hides the secrets of all its files', async () => {
    const secret = (name: string, mark: string): string =>
      `version: 1\nwebhooks: [{ name: ${name}, url: "http://h", secret: ${mark}, x: 1 }]\n`;
    await using place = await folder({
      'a.yaml': secret('one', 'hunter2'),
      'b.yaml': secret('two', 'hunter2'),
    });
    const result = await place.load();
    if (result.ok) expect.fail('it was taken');
    const text = formatProblems('text', result.problems, result.texts, { colour: false, columns: 200 });
    expect(text.match(/secret: \*{7}, x: 1/g)).toHaveLength(2);
    expect(text).not.toContain('hunter2');
  });

  it('has another revision when a mounted ConfigMap is swapped, and when a file comes', async () => {
    await using place = await folder({});
    const { dir } = place;
    for (const [version, text] of [
      ['..1', A.replace('slow', 'quick')],
      ['..2', A.replace('slow', 'standard')],
    ] as const) {
      await mkdir(join(dir, version));
      await writeFile(join(dir, version, 'a.yaml'), text);
    }
    await symlink('..1', join(dir, '..data'));
    await symlink('..data/a.yaml', join(dir, 'a.yaml'));
    const result = await place.load();
    if (!result.ok) expect.fail(JSON.stringify(result.problems));
    const { files, revision } = result.config;
    expect(await revisionNow(files, {})).toBe(revision);
    await unlink(join(dir, '..data'));
    await symlink('..2', join(dir, '..data'));
    const swapped = await revisionNow(files, {});
    expect(swapped).not.toBe(revision);
    await writeFile(join(dir, 'b.yaml'), B);
    expect(await revisionNow(files, {})).not.toBe(swapped);
  });
});

/**
 * Builds the image with buildah on a base made here: debootstrap's minimal Debian with the pinned Node and the machine's npm,
 * tagged with the name that the Dockerfile uses, because no image registry may be reachable.
 */

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
/** Kept between runs on the same machine. */
const WORK = join(tmpdir(), 'sonde-image-test');
const NAME = 'docker.io/library/node:26-bookworm-slim';

function buildah(...args: string[]): string {
  const storage = ['--root', join(WORK, 'storage'), '--storage-driver', 'vfs'];
  return execFileSync('buildah', [...storage, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1e8,
  }).trim();
}

export interface Image {
  readonly id: string;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  readonly user: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly health: readonly string[];
  /** Folder with its file system. */
  readonly root: string;
  /** Of its file system, and of what is sonde in it. */
  readonly megabytes: { readonly all: number; readonly sonde: number };
}

export function buildImage(scope: DisposableStack): Image {
  if (!buildah('images', '--format', '{{.Name}}:{{.Tag}}').includes(NAME)) makeBase();
  const id = buildah(
    'bud',
    '--isolation',
    'chroot',
    '--pull-never',
    '--network',
    'host',
    '--format',
    'docker',
    '-q',
    ROOT,
  );
  const { Docker } = JSON.parse(buildah('inspect', '--type', 'image', id)) as {
    Docker: { config: Record<string, unknown> };
  };
  const { Entrypoint, Cmd, Env, User, Labels, Healthcheck } = Docker.config as {
    Entrypoint: string[];
    Cmd: string[];
    Env: string[];
    User: string;
    Labels: Record<string, string>;
    Healthcheck: { Test: string[] };
  };
  const container = buildah('from', '--pull-never', id);
  scope.defer(() => {
    buildah('rm', container);
    buildah('rmi', '-f', id);
  });
  const root = buildah('mount', container);
  const megabytes = (folder: string): number =>
    Number(/^\d+/.exec(execFileSync('du', ['-sxm', folder], { encoding: 'utf8' }))?.[0]);
  return {
    id,
    entrypoint: Entrypoint,
    cmd: Cmd,
    env: Env,
    user: User,
    labels: Labels,
    health: Healthcheck.Test.slice(1),
    root,
    megabytes: { all: megabytes(root), sonde: megabytes(join(root, 'opt/sonde')) },
  };
}

function makeBase(): void {
  const base = join(WORK, 'base');
  mkdirSync(WORK, { recursive: true });
  const sources = '/etc/apt/sources.list.d';
  const text = readdirSync(sources)
    .map((name) => readFileSync(join(sources, name), 'utf8'))
    .join('\n');
  const mirror = /^URIs: *(\S+)/m.exec(text)?.[1];
  if (mirror === undefined) throw new Error(`${sources} names no mirror`);
  // What the Node of the npm package is linked with beyond a minimal Debian.
  const include = '--include=ca-certificates,libatomic1';
  if (!existsSync(join(base, 'etc/debian_version')))
    execFileSync('debootstrap', ['--variant=minbase', include, 'bookworm', base, mirror], { stdio: 'pipe' });
  cpSync(sources, join(base, sources), { recursive: true });
  cpSync(realpathSync(process.execPath), join(base, 'usr/local/bin/node'));
  const npm = dirname(
    dirname(realpathSync(execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim())),
  );
  cpSync(npm, join(base, 'usr/local/lib/node_modules/npm'), { recursive: true, dereference: true });
  if (!existsSync(join(base, 'usr/local/bin/npm')))
    symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(base, 'usr/local/bin/npm'));
  // The build reaches the package registries as this machine does.
  for (const file of ['/etc/ssl/certs/ca-certificates.crt', '/usr/etc/npmrc']) {
    if (!existsSync(file)) continue;
    const to = file.startsWith('/usr/etc') ? 'usr/local/etc/npmrc' : file;
    mkdirSync(dirname(join(base, to)), { recursive: true });
    cpSync(file, join(base, to));
  }
  const container = buildah('from', 'scratch');
  buildah('copy', '-q', container, base, '/');
  buildah('commit', '-q', container, NAME);
  buildah('rm', container);
}

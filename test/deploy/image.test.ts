import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { expect, it } from 'vitest';
import { buildImage, type Image } from '../support/image.ts';
import { describeWith } from '../support/servers.ts';

describeWith('buildah', 'buildah', 'the image', () => {
  it('is small, runs as nobody on a read-only root under tini, says that it is alive, and drains', async () => {
    using images = new DisposableStack();
    const image = buildImage(images);
    expect(image.user).toBe('65532:65532');
    expect(image.labels['org.opencontainers.image.title']).toBe('sonde');
    for (const gone of [
      'usr/local/bin/npm',
      'usr/local/lib/node_modules',
      'opt/sonde/src',
      'opt/sonde/node_modules/typescript',
      'opt/sonde/node_modules/vitest',
    ])
      expect(existsSync(join(image.root, gone)), gone).toBe(false);
    for (const program of ['gcc', 'make', 'git'])
      expect(existsSync(join(image.root, 'usr/bin', program))).toBe(false);

    await using scope = new AsyncDisposableStack();
    const provider = createServer((_request, response) => response.end('ok'));
    await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
    scope.use(provider);
    const dir = mkdtempSync(join(tmpdir(), 'sonde-image-'));
    // The user of the image must be able to read it.
    chmodSync(dir, 0o755);
    const { port } = provider.address() as AddressInfo;
    writeFileSync(
      join(dir, 'providers.yaml'),
      JSON.stringify({ services: [{ name: 'web', instances: [{ host: '127.0.0.1', port }] }] }),
    );
    writeFileSync(
      join(dir, 'sonde.yaml'),
      'version: 1\nserver: { listen: "127.0.0.1:19810" }\nregistries: [{ name: r, kind: file, path: providers.yaml }]\nchecks: [{ name: c, probe: { kind: http }, interval: 200ms, timeout: 150ms }]\n',
    );
    const started = performance.now();
    const container = start(image, dir);
    scope.defer(() => void container.kill('SIGKILL'));
    let said = '';
    container.stderr.on('data', (text: Buffer) => {
      said += text.toString();
    });
    const health = async (): Promise<unknown> => {
      const { statusCode } = await request('http://127.0.0.1:19810/health/web');
      return statusCode;
    };
    await expect.poll(() => health().catch(() => said), { timeout: 30_000, interval: 100 }).toBe(200);
    const readyAfter = performance.now() - started;

    const [tini = 0, node = 0] = pidsIn(container.pid ?? 0);
    expect(commandOf(tini)).toMatch(/^\/usr\/bin\/tini/);
    expect(commandOf(node)).toMatch(/^node \/opt\/sonde\/bin\/sonde.js run/);
    expect(inside(image, ...image.health, '--server', 'http://127.0.0.1:19810')).toContain('alive');
    expect(() => inside(image, ...image.health, '--server', 'http://127.0.0.1:1')).toThrow();

    const ended = new Promise<number | null>((resolve) => container.once('exit', resolve));
    process.kill(tini, 'SIGTERM');
    expect(await ended).toBe(0);
    expect(said).toContain('sonde has stopped');
    const { all, sonde } = image.megabytes;
    process.stdout.write(
      `the image: ${all} MB, of which sonde ${sonde} MB; healthy ${readyAfter.toFixed(0)} ms after its start\n`,
    );
  }, 600_000);
});

/** As a container runtime would: own mounts and process ids, a read-only root, nobody's user. */
function start(image: Image, configuration: string) {
  const [user = '', group = ''] = image.user.split(':');
  const words = [...image.entrypoint, ...image.cmd].map((word) => `'${word}'`).join(' ');
  const script = `set -e
    mount --bind ${image.root} ${image.root}
    mount --bind -o ro ${configuration} ${image.root}/etc/sonde
    mount -t tmpfs -o mode=1777 tmp ${image.root}/tmp
    mount -t proc proc ${image.root}/proc
    mount -o remount,bind,ro ${image.root}
    exec chroot --userspec=${user}:${group} ${image.root} /usr/bin/env -i ${image.env.join(' ')} ${words}`;
  return spawn('unshare', ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', script], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

/** Runs a command in the file system of the image, as its user. */
function inside(image: Image, ...command: readonly string[]): string {
  return execFileSync(
    'chroot',
    [`--userspec=${image.user}`, image.root, '/usr/bin/env', '-i', ...image.env, ...command],
    { encoding: 'utf8', stdio: 'pipe' },
  );
}

/** Children of the process, then theirs. */
function pidsIn(parent: number): readonly number[] {
  const children = (pid: number): readonly number[] =>
    execFileSync('sh', ['-c', `cat /proc/${pid}/task/*/children`], { encoding: 'utf8' })
      .trim()
      .split(/\s+/)
      .filter((text) => text !== '')
      .map(Number);
  const below = children(parent);
  return [...below, ...below.flatMap(children)];
}

function commandOf(pid: number): string {
  return execFileSync('sh', ['-c', `tr '\\0' ' ' < /proc/${pid}/cmdline`], { encoding: 'utf8' });
}

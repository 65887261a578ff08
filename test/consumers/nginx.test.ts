import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { describeWith, programPath } from '../support/servers.ts';
import { SondeProcess } from '../support/sonde-process.ts';
import { tempDir } from '../support/temp-dir.ts';
import { eventually, Provider, Traffic, writeConfig } from '../support/traffic.ts';

describeWith('nginx', 'nginx', 'a real nginx that includes upstreams', () => {
  it('sends nobody to a dead one, fewer to a sub-healthy one, and all are back', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = tempDir(scope);
    const providers = [await Provider.start(scope), await Provider.start(scope), await Provider.start(scope)];
    const [first, second] = providers;
    if (first === undefined || second === undefined) throw new Error('there are three');
    const [front, api] = [await freePort(), await freePort()];
    const upstreams = join(dir, 'upstreams.conf');
    const nginxConfig = join(dir, 'nginx.conf');
    const program = programPath('nginx') ?? '';
    const config = writeConfig(
      dir,
      providers,
      api,
      `consumers:
  - name: edge
    kind: nginx-upstreams
    path: ${upstreams}
    reload: [${program}, -p, ${dir}, -c, ${nginxConfig}, -s, reload]
    reloadEvery: 100ms
`,
    );
    mkdirSync(join(dir, 'logs'));
    writeFileSync(
      nginxConfig,
      `daemon off;
pid ${join(dir, 'nginx.pid')};
error_log ${join(dir, 'error.log')} warn;
events {}
http {
  access_log off;
  client_body_temp_path ${dir}/body;
  proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi;
  scgi_temp_path ${dir}/scgi;
  include ${upstreams};
  server { listen 127.0.0.1:${front}; location / { proxy_pass http://web; proxy_next_upstream off; } }
}
`,
    );
    let sonde = new SondeProcess(['run', '-c', config]);
    scope.defer(async () => void (await sonde.signal('SIGKILL')));
    const text = (): string => {
      try {
        return readFileSync(upstreams, 'utf8');
      } catch {
        return '';
      }
    };
    await eventually(text, (found) => found.includes('upstream web'));
    const nginx = spawn(program, ['-p', dir, '-c', nginxConfig], { stdio: 'ignore' });
    scope.defer(async () => {
      nginx.kill('SIGTERM');
      await once(nginx, 'close');
    });
    const traffic = new Traffic(front);
    scope.defer(() => traffic.stop());
    await eventually(text, (found) => found.match(/weight=100; # healthy/g)?.length === 3);
    const tally = async (): Promise<{ readonly dead: number; readonly ill: number }> => {
      // The old workers end with the requests that they have.
      await sleep(1_000);
      const [dead, ill, sent] = [first.served, second.served, traffic.sent];
      await eventually(
        () => traffic.sent - sent,
        (count) => count > 200,
      );
      return { dead: first.served - dead, ill: (second.served - ill) / (traffic.sent - sent) };
    };

    first.die();
    second.ail(true);
    await eventually(
      text,
      (found) =>
        /weight=100 down; # dead: connect-refused/.test(found) && /weight=30; # sub-healthy/.test(found),
    );
    const ill = await tally();
    expect(ill.dead).toBe(0);
    expect(ill.ill).toBeGreaterThan(0.1);
    expect(ill.ill).toBeLessThan(0.4);

    // A restart knows nothing yet, and brings back nobody.
    await sonde.signal('SIGKILL');
    sonde = new SondeProcess(['run', '-c', config]);
    await eventually(
      () => sonde.err,
      (said) => said.includes('Registry answers'),
    );
    expect((await tally()).dead).toBe(0);

    first.rise();
    second.ail(false);
    await eventually(text, (found) => found.match(/weight=100; # healthy/g)?.length === 3);
    await traffic.stop();
    expect(traffic.failed).toBe(0);
    expect(traffic.sent).toBeGreaterThan(400);
  }, 90_000);
});

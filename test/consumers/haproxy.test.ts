import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { describeWith } from '../support/servers.ts';
import { SondeProcess } from '../support/sonde-process.ts';
import { tempDir } from '../support/temp-dir.ts';
import { eventually, Provider, Traffic, writeConfig } from '../support/traffic.ts';

/** State and weight of each server as HAProxy says them. */
async function states(socket: string): Promise<Readonly<Record<string, string>>> {
  const stream = connect(socket);
  stream.end('show stat\n');
  let text = '';
  for await (const piece of stream) text += String(piece);
  const rows = text.split('\n').map((line) => line.split(','));
  const column = (name: string): number => (rows[0] ?? []).indexOf(name);
  const servers = rows.filter((row) => row[0] === 'web' && row[1] !== 'BACKEND');
  return Object.fromEntries(
    servers.map((row) => [row[1], `${row[column('status')]} ${row[column('weight')]}`]),
  );
}

describeWith('haproxy', 'haproxy', 'a real HAProxy with agent checks', () => {
  it.each(['down', 'drain'])(
    'sends nobody to a dead one, fewer to a sub-healthy one, and all are back (%s)',
    async (word) => {
      await using scope = new AsyncDisposableStack();
      const dir = tempDir(scope);
      const providers = [
        await Provider.start(scope),
        await Provider.start(scope),
        await Provider.start(scope),
      ];
      const [first, second] = providers;
      if (first === undefined || second === undefined) throw new Error('there are three');
      const [agent, front, api] = [await freePort(), await freePort(), await freePort()];
      const config = writeConfig(
        dir,
        providers,
        api,
        `consumers:
  - { name: edge, kind: haproxy-agent, listen: "127.0.0.1:${agent}", dead: ${word} }
`,
      );
      const socket = join(dir, 'haproxy.sock');
      const servers = providers.map(
        ({ port }, i) =>
          `  server s${i} 127.0.0.1:${port} weight 100 check inter 200ms agent-check agent-inter 200ms agent-addr 127.0.0.1 agent-port ${agent} agent-send "web/127.0.0.1:${port}\\n"`,
      );
      writeFileSync(
        join(dir, 'haproxy.cfg'),
        `global
  stats socket ${socket} mode 600 level admin
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
  retries 0
frontend in
  bind 127.0.0.1:${front}
  default_backend web
backend web
  balance roundrobin
${servers.join('\n')}
`,
      );
      const haproxy = spawn('haproxy', ['-db', '-f', join(dir, 'haproxy.cfg')], { stdio: 'ignore' });
      scope.defer(async () => {
        haproxy.kill('SIGKILL');
        await once(haproxy, 'close');
      });
      const sonde = new SondeProcess(['run', '-c', config]);
      scope.defer(async () => void (await sonde.signal('SIGKILL')));
      const now = (): Promise<Readonly<Record<string, string>>> => states(socket).catch(() => ({}));
      await eventually(now, (all) => Object.values(all).join() === 'UP 100,UP 100,UP 100');
      const traffic = new Traffic(front);
      scope.defer(() => traffic.stop());

      first.die();
      second.ail(true);
      const ill = await eventually(now, ({ s0 = '', s1 }) => !s0.startsWith('UP') && s1 === 'UP 30');
      expect(ill).toMatchObject({
        s0: expect.stringMatching(word === 'down' ? /^DOWN/ : /^DRAIN/),
        s2: 'UP 100',
      });
      // What was on its way when HAProxy heard of it arrives.
      await sleep(100);
      const [before0, before1, sent] = [first.served, second.served, traffic.sent];
      await eventually(
        () => traffic.sent - sent,
        (count) => count > 200,
      );
      expect(first.served - before0).toBe(0);
      const share = (second.served - before1) / (traffic.sent - sent);
      expect(share).toBeGreaterThan(0.1);
      expect(share).toBeLessThan(0.4);

      // HAProxy keeps what it was told last while nobody answers.
      await sonde.signal('SIGKILL');
      const alone = first.served;
      await sleep(600);
      expect(first.served - alone).toBe(0);

      first.rise();
      second.ail(false);
      const successor = new SondeProcess(['run', '-c', config]);
      scope.defer(async () => void (await successor.signal('SIGKILL')));
      await eventually(now, (all) => Object.values(all).join() === 'UP 100,UP 100,UP 100');
      await traffic.stop();
      expect([traffic.failed, traffic.unanswered]).toEqual([0, 0]);
    },
    60_000,
  );
});

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import type { ExplainView } from '../../src/core/explain-view.ts';
import type { InstanceView, SummaryView } from '../../src/core/view.ts';
import { SondeProcess, sonde } from '../support/sonde-process.ts';

/** Something that accepts connections, until it is gone, and again on the same port. */
class Listener {
  #server: Server | undefined;
  readonly #sockets = new Set<Socket>();
  port = 0;

  async open(): Promise<this> {
    const server = createServer((socket) => {
      this.#sockets.add(socket.on('close', () => this.#sockets.delete(socket)).on('error', () => undefined));
    });
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  close(): void {
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

const get = async <T>(url: string): Promise<T> => (await (await request(url)).body.json()) as T;

describe('the running program whose own network fails', () => {
  it('holds nobody dead while its anchors are out of reach, says so everywhere, and judges again afterwards', async () => {
    await using scope = new AsyncDisposableStack();
    const dir = mkdtempSync(join(tmpdir(), 'sonde-doubt-'));
    scope.defer(() => rmSync(dir, { recursive: true, force: true }));
    const anchor = await new Listener().open();
    const providers = await Promise.all(Array.from({ length: 4 }, () => new Listener().open()));
    scope.defer(() => {
      for (const one of [anchor, ...providers]) one.close();
    });
    const services = providers.map(({ port }, i) => ({
      name: `s${i}`,
      instances: [{ host: '127.0.0.1', port }],
    }));
    writeFileSync(join(dir, 'providers.yaml'), JSON.stringify({ services }));
    const place = `127.0.0.1:${anchor.port}`;
    const file = join(dir, 'sonde.yaml');
    writeFileSync(
      file,
      `version: 1
server: { listen: "127.0.0.1:0" }
registries: [{ name: local, kind: file, path: ./providers.yaml, write: { mode: apply } }]
defaults: { interval: 1s, timeout: 500ms, connectTimeout: 300ms }
checks: [{ name: port, probe: { kind: tcp } }]
localHealth: { anchors: ["${place}"] }
`,
    );
    const program = new SondeProcess(['run', '-c', file], { XDG_RUNTIME_DIR: dir });
    scope.defer(async () => {
      await program.signal('SIGKILL');
    });
    let api = '';
    await expect
      .poll(
        () => {
          api = /"main":"(http:[^"]+)"/.exec(program.err)?.[1] ?? '';
          return api;
        },
        { timeout: 20_000 },
      )
      .not.toBe('');
    const summary = (): Promise<SummaryView> => get(`${api}/v1/summary`);
    const healths = async () => (await summary()).instances;
    await expect.poll(healths, { timeout: 20_000, interval: 200 }).toMatchObject({ healthy: 4 });
    const status = (): string => readFileSync(join(dir, 'providers.status.json'), 'utf8');
    await expect.poll(() => status().match(/"healthy"/g)?.length, { timeout: 5_000 }).toBe(4);
    const before = status();

    // The cable is out: nothing is reached any more, the anchor neither.
    for (const one of [anchor, ...providers]) one.close();
    await expect
      .poll(async () => (await summary()).prober.quarantinedUntil, { timeout: 10_000, interval: 100 })
      .not.toBe(null);
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    expect(await healths()).toMatchObject({ healthy: 4, dead: 0 });
    expect(status()).toBe(before);
    expect((await summary()).prober).toMatchObject({
      blind: true,
      anchors: [{ anchor: place, reached: false }],
    });
    const metrics = await (await request(`${api}/metrics`)).body.text();
    expect(metrics).toMatch(/^sonde_quarantined 1$/m);
    expect(metrics).toMatch(/^sonde_local_health [4-8]$/m);
    expect(metrics).toContain(`sonde_anchor_up{anchor="${place}"} 0`);
    expect(metrics).toMatch(/^sonde_disregarded_failures_total\{check="port",kind="tcp"\} [1-9]/m);
    const { items } = await get<{ items: readonly InstanceView[] }>(`${api}/v1/instances`);
    const explained = await get<ExplainView>(`${api}/v1/instances/${items[0]?.id}/explain`);
    expect(explained.doubt).toMatch(
      /^The prober doubts itself .*1 of 1 anchors not reached.*count for nothing/,
    );
    const told = await sonde(['status', '--server', api]);
    expect(told.code).toBe(1);
    expect(told.out.replaceAll(/\s+/g, ' ')).toContain('failures that it sees count for nothing until');
    expect((await sonde(['explain', `127.0.0.1:${providers[0]?.port}`, '--server', api])).out).toContain(
      'The prober doubts itself',
    );
    const { items: events } = await get<{ items: readonly { subject: string; to: string }[] }>(
      `${api}/v1/events?kind=guard`,
    );
    expect(events[0]).toMatchObject({ subject: 'local-health', to: 'quarantined' });

    // An operator may say otherwise; who and why is kept.
    const words = ['--reason', 'the rack is really gone', '--by', 'ana', '--server', api];
    const released = await sonde(['guard', 'release', 'local', ...words], { XDG_RUNTIME_DIR: dir });
    expect(released).toMatchObject({ code: 0, err: '' });
    const operators = await get<{ items: readonly object[] }>(`${api}/v1/events?kind=operator`);
    expect(operators.items[0]).toMatchObject({
      subject: 'local',
      to: 'release-guard',
      by: 'ana',
      detail: 'the rack is really gone',
    });

    // The cable is in again, but one provider died meanwhile.
    await anchor.open();
    await Promise.all(providers.slice(1).map((one) => one.open()));
    await expect.poll(healths, { timeout: 60_000, interval: 500 }).toMatchObject({ healthy: 3, dead: 1 });
    await expect.poll(async () => (await summary()).localHealth, { timeout: 20_000 }).toBe(0);
    await expect.poll(() => status().match(/"dead"/g)?.length, { timeout: 10_000 }).toBe(1);
  }, 150_000);
});

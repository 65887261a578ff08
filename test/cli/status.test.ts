import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../support/manual-clock.ts';
import { CliBench } from './cli-bench.ts';
import { FakeIo } from './fake-io.ts';
import { LAID, T0 } from './world.ts';

let scope: AsyncDisposableStack;
let bench: CliBench;

beforeEach(async () => {
  scope = new AsyncDisposableStack();
  bench = await CliBench.start(scope);
});
afterEach(() => scope.disposeAsync());

async function screen(): Promise<string> {
  const io = new FakeIo(true);
  io.env.NO_COLOR = '1';
  const { out } = await bench.run(['status'], io);
  return out.replace(bench.server.url, 'http://127.0.0.1:9810');
}

const HEAD = `sonde 1.2.3 at http://127.0.0.1:9810
config       /etc/sonde/sonde.yaml, revision 4f2a91c0, applied 3h5m ago
instances    4 of 2 services: 1 ✖ dead, 1 ◐ sub-healthy, 2 ● healthy
targets      4
writes       1 pending, 1 held
prober       local health 0, 0 is well and 8 the worst

REGISTRY   KIND   ANSWERS   CONFIRMED   INSTANCES   MODE      PENDING   HELD
local      file   yes       3s ago      3           apply     1         1
other      etcd   yes       0s ago      1           dry-run   0         0

Worst services
NAMESPACE   SERVICE    HEALTHY   SUB-HEALTHY   DEAD   UNKNOWN   HELD   RATE
shop        web-cart   0         1             1      0         0      75%
`;

describe('sonde status', () => {
  it('is one screen of 80 columns', async () => {
    bench.world.interventions = [LAID];
    expect(await screen()).toBe(
      `${HEAD}
Interventions
ID                 KIND    SELECTOR     INSTANCES   LEFT   BY         REASON
b000000000000001   pause   shop/web-*   2           30m    ana@desk   the disk …

√ All is well.
`,
    );
  });

  it('counts the anchors that are reached', async () => {
    const { summary } = bench.world;
    const anchors = [true, false, null].map((reached, i) => ({ anchor: `10.0.0.${i}:53`, reached }));
    const prober = { ...summary.prober, score: 1, reasons: ['event loop 120 ms late'], anchors };
    bench.world.summary = { ...summary, localHealth: 1, prober };
    const text = await screen();
    expect(text).toContain(
      'prober       local health 1, 0 is well and 8 the worst, 1 of 3 anchors reached\n',
    );
    expect(text.replaceAll(/\s+/g, ' ')).toContain(
      '× this prober doubts itself: local health 1, 0 would be well (event loop 120 ms late; not reached: 10.0.0.1:53)',
    );
  });

  it('says last what is not well, and shows why a reload was rejected', async () => {
    const { summary, configuration, services } = bench.world;
    const [local, other] = summary.registries;
    if (local === undefined || other === undefined) throw new Error('the world has two registries');
    bench.world.summary = {
      ...summary,
      localHealth: 2,
      firstRound: { done: 3, total: 4 },
      registries: [
        { ...local, up: false, snapshotAge: 42, notices: ['it keeps 2 instances that do not renew'] },
        { ...other, up: false, snapshotAge: null },
      ],
    };
    bench.world.services = services.map((one) => ({
      ...one,
      instances: { unknown: 0, healthy: 0, 'sub-healthy': 0, dead: 2 },
    }));
    const frames = Array.from({ length: 20 }, (_, line) => `line ${line}`).join('\n');
    bench.world.configuration = {
      ...configuration,
      rejected: { at: '2026-01-01T00:00:00.000Z', text: frames },
    };
    const text = await screen();
    expect(text.slice(text.indexOf('×'))).toBe(
      `× registry other was never listed
× registry local does not answer, for 42 s
× registry local: it keeps 2 instances that do not renew
× the first round is not over: 3 of 4 targets were looked at
× this prober doubts itself: local health 2, 0 would be well
× shop/web-cart has nobody who serves: 2 of 2 dead
× shop/web-shop has nobody who serves: 2 of 2 dead
× the last reload was rejected at 2026-01-01T00:00:00.000Z; nothing was changed
  by it
${Array.from({ length: 12 }, (_, line) => `  line ${line}`).join('\n')}
  … 8 more lines: sonde validate
`,
    );
    expect(text).toContain('targets      4, first round 3 of 4\n');
    expect(text).toMatch(/other +etcd +no +never/);
  });

  it('is a document with -o json', async () => {
    const { code, out } = await bench.run(['status', '-o', 'json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      well: true,
      troubles: [],
      summary: bench.world.summary,
      configuration: { revision: '4f2a91c0' },
      worst: [{ service: 'web-cart' }],
      interventions: [],
    });
    bench.world.summary = { ...bench.world.summary, localHealth: 1 };
    const ill = await bench.run(['status', '-o', 'json']);
    expect(ill.code).toBe(1);
    expect(JSON.parse(ill.out)).toMatchObject({
      well: false,
      troubles: [expect.stringContaining('local health 1')],
    });
  });
});

describe('sonde status --wait', () => {
  it('waits until all is well', async () => {
    const clock = new ManualClock(T0);
    bench.clock = clock;
    const { summary } = bench.world;
    bench.world.summary = { ...summary, firstRound: { done: 0, total: 4 } };
    const done = bench.run(['status', '--wait']);
    await expect.poll(() => bench.server.asked.length).toBe(4);
    bench.world.summary = summary;
    let over = false;
    void done.finally(() => {
      over = true;
    });
    await expect
      .poll(async () => {
        await clock.advance(100);
        return over;
      })
      .toBe(true);
    expect(await done).toMatchObject({ code: 0, out: expect.stringContaining('All is well') as string });
    expect(clock.pending).toBe(0);
  });

  it('shows what is not well once the time is over', async () => {
    bench.world.summary = { ...bench.world.summary, localHealth: 1 };
    const { code, out, err } = await bench.run(['status', '--wait', '--timeout', '20ms']);
    expect(code).toBe(124);
    expect(out).toContain('× this prober doubts itself');
    expect(err).toBe('sonde: not well after 20ms\n');
  });
});

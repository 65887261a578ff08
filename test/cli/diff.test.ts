import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliBench } from './cli-bench.ts';
import { FakeIo } from './fake-io.ts';
import { IDS, instance } from './world.ts';

const NEW = `version: 1
registries:
  - { name: local, kind: file, path: ./providers.yaml }
checks:
  - { name: web, match: { service: web-cart }, probe: { kind: http } }
`;

let scope: AsyncDisposableStack;
let bench: CliBench;

beforeEach(async () => {
  scope = new AsyncDisposableStack();
  bench = await CliBench.start(scope);
  const { configuration } = bench.world;
  bench.world.configuration = {
    ...configuration,
    checks: [{ name: 'web', fingerprint: '00000000' }],
    registries: [{ name: 'other', fingerprint: '00000000' }],
  };
});
afterEach(() => scope.disposeAsync());

describe('sonde diff', () => {
  it('names what would change, with its targets', async () => {
    const { code, out } = await bench.run(['diff', '-c', bench.file('new.yaml', NEW)]);
    expect(out).toBe(
      `+ registry local
- registry other
  (which instances an added registry has is not known before it is listed)
~ registry local: write mode apply becomes dry-run
~ check web
    ~ local/shop/web-cart 10.2.4.17:8080
    ~ local/shop/web-cart 10.2.4.18:8080
    - local/shop/web-shop 10.2.4.19:8080
    - other/shop/web-shop 10.2.4.19:8080
Targets: 0 added, 2 removed, 2 changed, 0 kept.
`,
    );
    expect(code).toBe(1);
  });

  it('names five targets of a check, or all', async () => {
    bench.world.instances = Array.from({ length: 9 }, (_, port) =>
      instance(`i${port}`, { port: 8000 + port }),
    );
    const file = bench.file('new.yaml', NEW);
    const { out } = await bench.run(['diff', '-c', file]);
    expect(out).toContain('8004\n    … and 4 more (--all)\n');
    expect((await bench.run(['diff', '-c', file, '--all'])).out).toContain('8008\n');
  });

  it('colours on a terminal, and is a document with -o json', async () => {
    const file = bench.file('new.yaml', NEW);
    const { out } = await bench.run(['diff', '-c', file], new FakeIo(true));
    expect(out).toContain('\u001b[32m+ registry local\u001b[39m\n');
    const json = await bench.run(['diff', '-c', file, '-o', 'json']);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out)).toMatchObject({
      differs: true,
      checks: [{ name: 'web', change: 'changed' }],
      targets: [{ change: 'changed', check: 'web', instance: { id: IDS.dead } }, {}, {}, {}],
    });
  });

  it('does not ask where the new configuration is not valid', async () => {
    const { code, err } = await bench.run(['diff', '-c', bench.file('bad.yaml', `${NEW}checks2: []\n`)]);
    expect(code).toBe(1);
    expect(err).toContain('SND1003');
    expect(bench.server.asked).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { type Effective, effectiveOf } from '../../src/config/effective.ts';
import { renderYaml, valuesOf } from '../../src/config/render.ts';
import { load } from '../support/config-bench.ts';

const TEXT = `version: 1
x-http: &http { kind: http, path: "/\${env:PLACE:-health}" }
registries:
  - { name: local, kind: file, path: "\${file:./path}" }
defaults: { timeout: 1s, interval: "\${env:EVERY}" }
checks:
  - { name: web, probe: { <<: *http, auth: { basic: { username: me, password: hunter2 } }, tls: true } }
  - { name: slow, probe: { kind: tcp }, interval: 30s, rule: quick }
rules: { quick: { kind: consecutive } }
webhooks:
  - { name: chat, url: "https://m:hunter2@chat/", secretFile: ./secret, headers: { X-Odd: hunter2 } }
`;
const env = { EVERY: '7s', HUNTER: 'hunter2' };

async function effective(text: string): Promise<Effective> {
  let found: Effective | undefined;
  const result = await load(text, {
    env,
    readFile: () => Promise.resolve('hunter2'),
    tree: (root, source, catalogue) => {
      found = effectiveOf(root, source, catalogue);
    },
  });
  if (found === undefined) expect.fail(JSON.stringify(result));
  return found;
}

describe('what is in force', () => {
  it('says of every value where it comes from', async () => {
    const values = new Map(
      [...valuesOf(await effective(TEXT))].map(({ path, value, origin }) => [path, [value, origin]]),
    );
    const at = (place: string): string => `/etc/sonde/sonde.yaml:${place}`;
    const builtIn = 'default of the program';
    expect(Object.fromEntries(values)).toMatchObject({
      '/version': [1, at('1:10')],
      '/server/listen': ['127.0.0.1:9810', builtIn],
      '/registries/0/path': ['${file:./path}', `file ./path at ${at('4:38')}`],
      '/registries/0/write/mode': ['dry-run', builtIn],
      '/registries/0/networks/deny': [[], builtIn],
      '/checks/0/probe/path': ['/${env:PLACE:-health}', `env PLACE at ${at('2:35')}`],
      '/checks/0/timeout': ['1s', `inherited from defaults at ${at('5:22')}`],
      '/checks/0/interval': ['${env:EVERY}', `inherited from defaults at ${at('5:36')}`],
      '/checks/0/rule': ['standard', builtIn],
      '/checks/0/connectTimeout': ['500ms', builtIn],
      '/checks/1/interval': ['30s', at('8:51')],
      '/checks/1/deadInterval': ['30s', `follows from that of the check at ${at('8:51')}`],
      '/checks/1/rule': ['quick', at('8:62')],
      '/rules/standard/kind': ['success-rate', builtIn],
      '/engine/perHost': [8, builtIn],
    });
  });

  it('is a configuration again, with or without the comments', async () => {
    const text = TEXT.replace(/, auth: .*?, tls: true/, '').replace(/^webhooks:\n.*\n/m, '');
    const first = await effective(text);
    for (const showOrigin of [true, false]) {
      const yaml = renderYaml(first, showOrigin);
      expect(yaml.includes(' # default of the program')).toBe(showOrigin);
      const plain = [...valuesOf(await effective(yaml))].map(({ path, value }) => [path, value]);
      expect(new Map(plain as [string, unknown][])).toEqual(
        new Map([...valuesOf(first)].map(({ path, value }) => [path, value])),
      );
    }
  });

  it('shows no secret', async () => {
    const found = await effective(
      `${TEXT}  - { name: other, url: "http://h", secret: ["\${env:HUNTER:-hunter2}", hunter2] }\n`,
    );
    const told = renderYaml(found, true) + renderYaml(found, false) + JSON.stringify([...valuesOf(found)]);
    expect(told).toContain('<redacted>');
    expect(told).toContain('${env:HUNTER}');
    expect(told).not.toContain('hunter2');
  });
});

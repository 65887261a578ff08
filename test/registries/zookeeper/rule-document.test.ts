import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  documentName,
  editDocument,
  foreignItems,
  hasItem,
  interfaceOfDocument,
  readDocument,
} from '../../../src/registries/zookeeper/rule-document.ts';

const SERVICE = { interface: 'com.shop.Cart', group: '', version: '' };
const DEAD = { provider: '10.0.0.1:20880', parameters: { disabled: 'true' } };
const SLOW = { provider: '10.0.0.2:20880', parameters: { weight: '30' } };
const edit = (change: { remove?: (typeof DEAD | typeof SLOW)[]; add?: (typeof DEAD | typeof SLOW)[] }) => [
  { remove: [], add: [], overruled: [], ...change },
];

const THEIRS = `# of the shop team
configVersion: v3.0
scope: service
key: com.shop.Cart
enabled: true
configs:
  - side: consumer # all of them
    parameters: { timeout: 3000 }
    match:
      app: { oneof: [ { exact: shopper } ] }
`;

describe('a rule document', () => {
  it('is made, and goes with its last item', () => {
    const made =
      editDocument(undefined, { ...SERVICE, group: 'g', version: '1.0' }, edit({ add: [DEAD, SLOW] })) ?? '';
    expect(made).toBe(`configVersion: v2.7
scope: service
key: g/com.shop.Cart:1.0
enabled: true
configs:
  - side: consumer
    providerAddresses:
      - 10.0.0.1:20880
    parameters:
      disabled: true
  - side: consumer
    providerAddresses:
      - 10.0.0.2:20880
    parameters:
      weight: 30
`);
    const read = readDocument(made);
    expect(read !== undefined && hasItem(read, DEAD) && hasItem(read, SLOW)).toBe(true);
    expect(editDocument(made, SERVICE, edit({ remove: [DEAD, SLOW] }))).toBeUndefined();
  });

  it('keeps what others wrote, to the last comment', () => {
    const more = editDocument(THEIRS, SERVICE, edit({ add: [DEAD] })) ?? '';
    for (const line of ['# of the shop team', '# all of them', 'configVersion: v3.0', 'exact: shopper'])
      expect(more).toContain(line);
    expect(editDocument(more, SERVICE, edit({ remove: [DEAD] }))).toBe(
      editDocument(THEIRS, SERVICE, edit({})),
    );
  });

  it('replaces its own item only', () => {
    const first = editDocument(THEIRS, SERVICE, edit({ add: [DEAD, SLOW] })) ?? '';
    const other = { ...DEAD, parameters: { weight: '10' } };
    const read = readDocument(
      editDocument(first, SERVICE, [{ remove: [DEAD], add: [other], overruled: [] }]) ?? '',
    );
    expect(read?.items.map(({ providerAddresses }) => providerAddresses)).toEqual([
      [],
      [SLOW.provider],
      [DEAD.provider],
    ]);
  });

  it('tells of others’ rules for a provider, and takes them away by force', () => {
    const text = `configs:
  - { side: consumer, providerAddresses: ['10.0.0.1:20880'], parameters: { weight: 5 } }
  - { side: consumer, providerAddresses: ['10.0.0.1:20880'], parameters: { timeout: 5 } }
  - { side: consumer, providerAddresses: ['10.0.0.1:20880'], enabled: false, parameters: { weight: 6 } }
`;
    const read = readDocument(text);
    expect(read === undefined ? [] : foreignItems(read, DEAD.provider, [])).toEqual([{ weight: '5' }]);
    const forced =
      editDocument(text, SERVICE, [{ remove: [], add: [DEAD], overruled: [DEAD.provider] }]) ?? '';
    const left = readDocument(forced);
    expect(left === undefined ? [] : foreignItems(left, DEAD.provider, [DEAD])).toEqual([]);
    expect(forced).toContain('timeout: 5');
  });

  it('has another form where it does', () => {
    for (const text of ['["override://10.0.0.1/com.shop.Cart?timeout=3"]', 'configs: 7', 'a: [', 'text'])
      expect(readDocument(text)).toBeUndefined();
    expect(readDocument('enabled: false')).toEqual({ off: true, items: [] });
  });

  it('is neither crashed by any text nor by aliases that multiply', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => void readDocument(text)));
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
    for (let n = 1; n < 9; n++) {
      const [now, before] = [String.fromCharCode(97 + n), String.fromCharCode(96 + n)];
      bomb.push(`${now}: &${now} [${Array(9).fill(`*${before}`).join(', ')}]`);
    }
    expect(readDocument(`${bomb.join('\n')}\nconfigs: *i`)).toBeUndefined();
  });

  it('is named as Dubbo names it', () => {
    const name = documentName({ interface: 'com.shop.Cart', group: 'g', version: '1.0' });
    expect(name).toBe('com.shop.Cart:1.0:g.configurators');
    expect(interfaceOfDocument(name)).toBe('com.shop.Cart');
    expect(documentName(SERVICE)).toBe('com.shop.Cart::.configurators');
    expect(interfaceOfDocument('shopper.configurators')).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { atJsonPath, parseJsonPath } from '../../src/lib/json-path.ts';
import { isNetwork, networkTest } from '../../src/lib/network.ts';
import { createResolver, type Networks } from '../../src/probes/resolve.ts';
import { fill, parseTemplate, TemplateError } from '../../src/probes/template.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { instanceAt } from '../support/probe-bench.ts';

const NEVER = new AbortController().signal;
const HERE = instanceAt({ host: '10.0.0.1', port: 80, metadata: { p: '81' } });

function resolver(networks: Networks | undefined, names: Record<string, string[] | Error> = {}) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const resolve = createResolver({
    clock,
    networks: new Map(networks === undefined ? [] : [['r', networks]]),
    lookup: (host) => {
      asked.push(host);
      const found = names[host];
      if (found === undefined) return new Promise(() => undefined);
      if (found instanceof Error) return Promise.reject(found);
      return Promise.resolve(found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
    },
  });
  return {
    clock,
    asked,
    resolve: (host: string, family: 4 | 6 | 'any' = 'any', signal = NEVER) =>
      resolve(HERE, host, family, signal),
  };
}

const coded = (code: string) => Object.assign(new Error(code), { code });

describe('the resolver', () => {
  it.each([
    '169.254.169.254',
    'fe80::1',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '0.0.0.0',
    '224.0.0.1',
    'fd00:ec2::254',
    '100.100.100.200',
  ])('refuses %s unless allowed', async (address) => {
    const refused = { kind: 'outcome', outcome: { kind: 'skip', cause: 'address-refused' } };
    expect(await resolver(undefined).resolve(address)).toMatchObject(refused);
    expect(await resolver(undefined, { evil: [address] }).resolve('evil')).toMatchObject(refused);
    expect(await resolver({ allow: ['0.0.0.0/0', '::/0'], deny: [] }).resolve(address)).toMatchObject({
      kind: 'address',
    });
  });

  it('goes by the networks of the registry, deny first', async () => {
    const { resolve } = resolver({ allow: ['10.0.0.0/8'], deny: ['10.9.0.0/16'] });
    expect(await resolve('10.1.2.3')).toMatchObject({ kind: 'address', family: 4 });
    expect(await resolve('10.9.2.3')).toMatchObject({ outcome: { cause: 'address-refused' } });
    expect(await resolve('127.0.0.1')).toMatchObject({ outcome: { cause: 'address-refused' } });
  });

  it('tells the target’s fault from the resolver’s', async () => {
    const names = { none: coded('ENOTFOUND'), busy: coded('EAI_AGAIN'), v6: ['::1'] };
    const { resolve } = resolver(undefined, names);
    expect(await resolve('none')).toMatchObject({ outcome: { kind: 'fail', cause: 'dns-no-such-name' } });
    expect(await resolve('busy')).toMatchObject({ outcome: { kind: 'skip', cause: 'dns-no-answer' } });
    expect(await resolve('v6', 4)).toMatchObject({ outcome: { kind: 'fail', cause: 'dns-no-such-name' } });
    expect(await resolve('v6')).toMatchObject({ kind: 'address', family: 6 });
    const stop = new AbortController();
    const hanging = resolve('hangs', 'any', stop.signal);
    stop.abort();
    expect(await hanging).toMatchObject({ outcome: { kind: 'skip', cause: 'dns-no-answer' } });
  });

  it('asks once for many, and again when the answer is old', async () => {
    const { resolve, asked, clock } = resolver(undefined, { a: ['10.0.0.1'], none: coded('ENOTFOUND') });
    await Promise.all([resolve('a'), resolve('a'), resolve('a')]);
    await clock.advance(4_999);
    await resolve('a');
    expect(asked).toEqual(['a']);
    await clock.advance(1);
    await resolve('a');
    await resolve('none');
    await clock.advance(1_000);
    await resolve('none');
    expect(asked).toEqual(['a', 'a', 'none', 'none']);
  });
});

describe('networks', () => {
  it.each([
    ['10.0.0.0/8', true],
    ['::1', true],
    ['10.0.0.0/33', false],
    ['fe80::/129', false],
    ['10.0.0/8', false],
    ['10.0.0.0/8/8', false],
    ['', false],
  ])('%s', (text, valid) => {
    expect(isNetwork(text)).toBe(valid);
    if (!valid) expect(() => networkTest([text])).toThrow(RangeError);
  });
});

describe('templates', () => {
  it.each([
    ['plain', 'plain'],
    ['${instance.host}:${instance.port}', '10.0.0.1:80'],
    ['${instance.metadata.p:-9}', '81'],
    ['${instance.metadata.q:-${instance.port}}', '80'],
    ['${instance.metadata.q:-}', ''],
    ['${instance.metadata.q}', undefined],
    ['a${instance.service}b', 'asb'],
  ])('%s', (text, expected) => {
    expect(fill(parseTemplate(text), HERE)).toBe(expected);
  });

  it.each([
    '${',
    '${instance.prot}',
    '${env:X}',
    '${instance.metadata}',
    '${instance.metadata.a:-${instance.metadata.b:-${instance.port}}}',
  ])('refuses %s', (text) => {
    expect(() => parseTemplate(text)).toThrow(TemplateError);
  });
});

describe('paths into JSON', () => {
  it.each([
    ['$', []],
    ['$.a.b[0]', ['a', 'b', 0]],
    ["$['a b']['it\\'s']", ['a b', "it's"]],
    ['a', undefined],
    ['$.a[*]', undefined],
    ['$..a', undefined],
  ])('%s', (text, path) => {
    expect(parseJsonPath(text)).toEqual(path);
  });

  it('finds nothing that is not there', () => {
    expect(atJsonPath({ a: [1] }, ['a', 1])).toBeUndefined();
    expect(atJsonPath({}, ['__proto__'])).toBeUndefined();
    expect(atJsonPath('text', ['length'])).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { createResolver, type Networks } from '../../src/probes/resolve.ts';
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
    'fe80::1%lo',
    '0:0:0:0:0:ffff:169.254.169.254',
    '64:ff9b::169.254.169.254',
    '::',
    'ff02::1',
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

  it('takes the first address of the wanted family, and an address as it is', async () => {
    const { resolve, asked } = resolver(undefined, { both: ['10.0.0.1', '::1'], six: ['::1', '10.0.0.1'] });
    expect(await resolve('both')).toMatchObject({ address: '10.0.0.1', family: 4 });
    expect(await resolve('both', 6)).toMatchObject({ address: '::1', family: 6 });
    expect(await resolve('six')).toMatchObject({ address: '::1', family: 6 });
    expect(await resolve('::1', 4)).toMatchObject({ address: '::1', family: 6 });
    expect(asked).toEqual(['both', 'six']);
  });

  it('asks for at most three names at once, and nobody waits longer than their signal', async () => {
    const { resolve, asked } = resolver(undefined, {});
    const stop = new AbortController();
    const all = ['a', 'b', 'c', 'd', 'e'].map((name) => resolve(name, 'any', stop.signal));
    await new Promise((done) => setImmediate(done));
    expect(asked).toEqual(['a', 'b', 'c']);
    stop.abort(new Error('over'));
    for (const answer of await Promise.all(all))
      expect(answer).toMatchObject({ outcome: { kind: 'skip', cause: 'dns-no-answer' } });
  });

  it('looks at networks of the registry that named the instance only', async () => {
    const { resolve } = resolver({ deny: ['127.0.0.0/8'] });
    expect(await resolve('127.0.0.1')).toMatchObject({ outcome: { cause: 'address-refused' } });
    expect(await resolve('169.254.169.254')).toMatchObject({ outcome: { cause: 'address-refused' } });
    expect(await resolve('10.0.0.1')).toMatchObject({ kind: 'address' });
    const other = resolver(undefined);
    expect(await other.resolve('127.0.0.1')).toMatchObject({ kind: 'address' });
  });

  it('does not take numbers in disguise for something else than what the system makes of them', async () => {
    // getaddrinfo reads these as 169.254.169.254; what it answers is what is looked at.
    const disguised = ['2852039166', '0xa9fea9fe', '0251.0376.0251.0376'];
    const system = createResolver({ clock: new ManualClock(), networks: new Map() });
    for (const host of disguised)
      expect(await system(HERE, host, 'any', NEVER)).toMatchObject({ outcome: { cause: 'address-refused' } });
  });

  it('refuses to begin with a network that is none', () => {
    expect(() => resolver({ deny: ['10.0.0.0/40'] })).toThrow(RangeError);
  });
});

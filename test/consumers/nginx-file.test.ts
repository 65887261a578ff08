import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NOTHING_STOOD, readUpstreams, renderUpstreams } from '../../src/consumers/nginx-file.ts';
import { said } from './said.ts';

const FORM = { upstream: '{service}', directives: ['least_conn'], subHealthyWeight: 0.3 };

describe('the file of upstreams', () => {
  const all = [
    said('healthy', { service: 'web', host: '10.0.0.1' }),
    said('sub-healthy', { service: 'web', host: '10.0.0.2', weight: 10 }),
    said('dead', { service: 'web', host: '::1', port: 8080 }, 'connect-refused'),
    said('healthy', { service: 'web', host: '10.0.0.4', enabled: false }),
    said('healthy', { service: 'web', host: '10.0.0.5', draining: true }),
    said('healthy', { service: 'web', host: '10.0.0.6', weight: 0 }),
    said(null, { service: 'api', host: 'api-1.internal' }),
  ];
  const { text } = renderUpstreams(all, FORM, NOTHING_STOOD);

  it('has an upstream for each service, in the order of their names', () => {
    expect(text).toBe(`# Written by sonde; changes are lost.

upstream api {
  least_conn;
  server api-1.internal:80 weight=100; # healthy
}

upstream web {
  least_conn;
  server 10.0.0.1:80 weight=100; # healthy
  server 10.0.0.2:80 weight=3; # sub-healthy: slow
  server [::1]:8080 weight=100 down; # dead: connect-refused
  server 10.0.0.4:80 weight=100 down; # disabled in the registry
  server 10.0.0.5:80 weight=100 down; # draining
  server 10.0.0.6:80 down; # weight 0 in the registry
}
`);
  });

  it('is read again for what stood in it, so that a restart brings nobody back', () => {
    const stood = readUpstreams(text);
    expect(stood.servers.get('web [::1]:8080')).toBe('dead');
    expect(stood.servers.get('web 10.0.0.2:80')).toBe('sub-healthy');
    const unknown = all.map((one) => ({ ...one, told: null }));
    const again = renderUpstreams(unknown, FORM, stood).text;
    expect(again.replaceAll(/: [\w-]+$/gm, '')).toBe(text.replaceAll(/: [\w-]+$/gm, ''));
  });

  it('keeps the upstream of a service that has nobody left, which nginx would miss', () => {
    const without = renderUpstreams([], FORM, readUpstreams(text));
    expect(without.text).toContain(
      'upstream web {\n  least_conn;\n  server 127.0.0.1:9 down; # no instances\n}\n',
    );
  });

  it('has no line that a registrant made', () => {
    const line =
      /^(# Written by sonde; changes are lost\.|upstream [\w.-]+ \{|\}|| {2}least_conn;| {2}server [\w.:[\]-]+ (weight=\d+)?( ?down)?; # [\w :-]+)$/;
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            host: fc.string(),
            service: fc.string(),
            reason: fc.string(),
            weight: fc.double({ noNaN: true }),
          }),
        ),
        (list) => {
          const made = list.map(({ host, service, reason, weight }) =>
            said('dead', { host, service, weight }, reason),
          );
          for (const one of renderUpstreams(made, FORM, NOTHING_STOOD).text.split('\n'))
            expect(one).toMatch(line);
        },
      ),
    );
  });

  it('says whom it left out', () => {
    const { refused } = renderUpstreams(
      [said('healthy', { service: 'a b' }), said('healthy', { host: '1.2.3.4; deny all' })],
      FORM,
      NOTHING_STOOD,
    );
    expect(refused).toEqual(['default/a b', '1.2.3.4; deny all:80']);
  });
});

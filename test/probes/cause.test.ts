import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fail, failure, oneLine, ownFault, type Phase, timeoutIn } from '../../src/probes/cause.ts';

const coded = (code: string) => Object.assign(new Error(`it failed (${code})`), { code });

describe('causes', () => {
  it.each<[Phase, string, string, boolean]>([
    ['connect', 'ECONNREFUSED', 'connect-refused', false],
    ['connect', 'ETIMEDOUT', 'connect-timeout', false],
    ['connect', 'EHOSTUNREACH', 'connect-unreachable', false],
    ['connect', 'ECONNRESET', 'connect-reset', false],
    ['connect', 'ESOMETHING', 'connect-unreachable', false],
    ['tls', 'CERT_HAS_EXPIRED', 'tls-expired', true],
    ['tls', 'ERR_TLS_CERT_ALTNAME_INVALID', 'tls-handshake', true],
    ['tls', 'ECONNRESET', 'tls-handshake', true],
    ['tls', 'ETIMEDOUT', 'request-timeout', true],
    ['request', 'ECONNRESET', 'response-reset', true],
    ['request', 'EPIPE', 'response-reset', true],
    ['request', 'EHOSTUNREACH', 'response-reset', true],
    ['request', 'ETIMEDOUT', 'request-timeout', true],
    ['request', 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'tls-handshake', true],
    ['request', 'UND_ERR_HEADERS_OVERFLOW', 'protocol', true],
    ['request', 'HPE_INVALID_VERSION', 'protocol', true],
  ])('%s %s is %s', (phase, code, cause, reached) => {
    expect(failure(coded(code), phase)).toMatchObject({ kind: 'fail', cause, reached });
  });

  it.each(['connect', 'tls', 'request'] as const)('in %s our own faults are skips', (phase) => {
    for (const code of ['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'EADDRINUSE', 'ENOBUFS', 'ENOMEM', 'EAGAIN'])
      expect(failure(coded(code), phase)).toMatchObject({ kind: 'skip', cause: 'prober-limit' });
    for (const code of ['ENETDOWN', 'ENETUNREACH', 'ENONET', 'EAFNOSUPPORT', 'EACCES', 'EPERM'])
      expect(failure(coded(code), phase)).toMatchObject({ kind: 'skip', cause: 'prober-network' });
  });

  it('says how far it had come when time ran out', () => {
    expect(timeoutIn('connect', 500)).toMatchObject({ cause: 'connect-timeout', reached: false });
    expect(timeoutIn('tls', 500)).toMatchObject({
      cause: 'request-timeout',
      detail: 'no TLS session within 500 ms',
    });
    expect(timeoutIn('request', 500)).toMatchObject({ cause: 'request-timeout', reached: true });
  });

  it('tells a file that cannot be read from too many open ones', () => {
    expect(ownFault(coded('ENOENT'), 'x')).toMatchObject({ kind: 'skip', cause: 'plugin-error' });
    expect(ownFault(coded('EMFILE'), 'x')).toMatchObject({ kind: 'skip', cause: 'prober-limit' });
    // No more processes: a script cannot be started.
    expect(ownFault(coded('EAGAIN'), 'x')).toMatchObject({ kind: 'skip', cause: 'prober-limit' });
  });

  it('has details of one printable line', () => {
    expect(fail('status', 'a\u001b[2J\r\nb\u202ec')).toMatchObject({ detail: 'a [2J b c' });
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2_000, size: 'max' }), (text) => {
        const line = oneLine(text);
        expect(line.length).toBeLessThanOrEqual(300);
        expect(line).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
      }),
    );
  });
});

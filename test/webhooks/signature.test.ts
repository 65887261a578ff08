import { expect, it } from 'vitest';
import { signedHeaders } from '../../src/webhooks/signature.ts';

const MESSAGE = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', seconds: 1_614_265_330, body: '{"test": 2432232314}' };

// The example that the libraries of Standard Webhooks test themselves with.
it('signs as Standard Webhooks does', () => {
  expect(signedHeaders(MESSAGE, ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'])).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

it('signs once for each secret, and not at all without one', () => {
  const both = signedHeaders(MESSAGE, ['one', 'two'])['webhook-signature'];
  expect(both?.split(' ')).toEqual([
    signedHeaders(MESSAGE, ['one'])['webhook-signature'],
    signedHeaders(MESSAGE, ['two'])['webhook-signature'],
  ]);
  expect(Object.keys(signedHeaders(MESSAGE, []))).toEqual(['webhook-id', 'webhook-timestamp']);
});

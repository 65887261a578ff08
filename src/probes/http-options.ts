/** The options of the probe `http`. */

import { z } from 'zod';
import { authFields } from './credentials.ts';
import { expectFields, withStatus } from './expectation.ts';
import { addressField, closeField, familyField, portField, template, tlsField } from './fields.ts';

/** Token of RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Header fields that have an option of their own, or that sonde sets itself. */
const NOT_AS_HEADER: Readonly<Record<string, string>> = {
  authorization: 'credentials go under auth',
  host: 'use the option host',
  'proxy-authorization': 'sonde speaks to no proxy',
  'content-length': 'sonde sets it itself',
  'transfer-encoding': 'sonde sets it itself',
  connection: 'use the option connection',
  'keep-alive': 'use the option connection',
  upgrade: 'not supported',
  expect: 'not supported',
};

const size = z
  .union([
    z.number().int().min(0),
    z.string().regex(/^[0-9]{1,9}(KiB|MiB)?$/, 'write a size as 65536, 64KiB or 1MiB'),
  ])
  .transform((given) => {
    const [, digits = '0', unit] = /^([0-9]+)(KiB|MiB)?$/.exec(String(given)) ?? [];
    return Number(digits) * (unit === 'MiB' ? 1_048_576 : unit === 'KiB' ? 1_024 : 1);
  });

export const httpOptions = z
  .strictObject({
    address: addressField,
    port: portField,
    family: familyField,
    tls: tlsField.meta({ description: 'Speak HTTPS; true for the defaults' }),
    method: z
      .string()
      .regex(TOKEN, 'not an HTTP method')
      .default('GET')
      .meta({ description: 'Request method' }),
    path: template.prefault('/').meta({ description: 'Path and query; templates are filled in' }),
    host: template
      .optional()
      .meta({ description: 'Host header; templates are filled in; default address and port' }),
    headers: z
      .record(z.string().regex(TOKEN, 'not a header name'), template)
      .default({})
      .meta({ description: 'Request headers; templates are filled in' }),
    body: z.string().optional().meta({ description: 'Request body; no templates' }),
    auth: authFields.optional().meta({
      description: 'Credentials; sent only over verified TLS unless insecure is true',
    }),
    expect: expectFields.prefault({}).meta({ description: 'What the answer must be' }),
    redirects: z
      .number()
      .int()
      .min(0)
      .max(10)
      .default(0)
      .meta({ description: 'Redirects that are followed at most' }),
    maxBody: size.prefault('64KiB').meta({ description: 'Bytes of the body that are read and looked at' }),
    connection: z
      .enum(['fresh', 'reuse'])
      .default('fresh')
      .meta({ description: 'fresh: a new connection for each look; reuse: kept ones' }),
    close: closeField,
  })
  .superRefine(({ auth, tls, headers }, context) => {
    if (auth !== undefined && !auth.insecure && (tls === undefined || tls.insecure)) {
      const message = 'credentials are sent only over verified TLS: set tls, or auth.insecure: true';
      context.addIssue({ code: 'custom', path: ['auth'], message });
    }
    for (const name of Object.keys(headers)) {
      const message = NOT_AS_HEADER[name.toLowerCase()];
      if (message !== undefined) context.addIssue({ code: 'custom', path: ['headers', name], message });
    }
  })
  .transform((given) => ({ ...given, expect: withStatus(given.expect, given.redirects > 0) }));

export type HttpOptions = z.output<typeof httpOptions>;

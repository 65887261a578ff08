/** The options of the registry `dns`. */

import { isIP } from 'node:net';
import { z } from 'zod';
import { duration } from '../../options/fields.ts';

const port = z.number().int().min(1).max(65_535);

const name = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?$/, 'not a domain name')
      .meta({ description: 'Domain name; it is asked for as it stands, without search domains' }),
    type: z.enum(['A', 'AAAA', 'SRV']).default('SRV').meta({ description: 'Records to ask for' }),
    port: port.optional().meta({ description: 'Port of A and AAAA; SRV records bring their own' }),
    service: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'Name of the service; default the domain name' }),
    namespace: z.string().min(1).default('default'),
  })
  .superRefine(({ type, port }, context) => {
    const wrong = (message: string): void => context.addIssue({ code: 'custom', path: ['port'], message });
    if (type !== 'SRV' && port === undefined) wrong(`${type} records have no port: give one`);
    if (type === 'SRV' && port !== undefined) wrong('SRV records bring their own port');
  });

/** `10.0.0.2`, `10.0.0.2:5353`, `[::1]:5353`. */
const server = z.string().refine((text) => isServer(text), 'not an address with an optional port');

export const dnsOptions = z.strictObject({
  names: z.array(name).min(1).meta({ description: 'What to ask for; each is a service' }),
  servers: z
    .array(server)
    .min(1)
    .optional()
    .meta({ description: 'Name servers to ask; default those of the system' }),
  timeout: duration
    .refine((ms) => ms >= 10 && ms <= 60_000, 'must be from 10ms to 1m')
    .default(2_000)
    .meta({ description: 'For each question' }),
  poll: duration
    .refine((ms) => ms >= 100 && ms <= 10_000, 'must be from 100ms to 10s')
    .default(5_000)
    .meta({ description: 'How often at most it is asked again; a shorter TTL of an answer comes sooner' }),
});

export type DnsOptions = z.output<typeof dnsOptions>;
export type DnsName = DnsOptions['names'][number];

function isServer(text: string): boolean {
  const [, bracketed, plain, port] =
    /^(?:\[([^\]]+)\]|([^\]:]+|[^\][]*))(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  const address = bracketed ?? plain ?? '';
  return isIP(address) !== 0 || (port === undefined && isIP(text) !== 0);
}

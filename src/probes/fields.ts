/** Options that several probes have. */

import { z } from 'zod';
import { parsePort } from '../lib/host-port.ts';
import { filePath } from '../options/fields.ts';
import { constantText, parseTemplate, type Template, TemplateError } from './template.ts';

/** Text with templates, read when it is decoded. */
export const template = z.string().transform(readTemplate);

function readTemplate(text: string, context: z.RefinementCtx): Template {
  try {
    return parseTemplate(text);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
    return z.NEVER;
  }
}

/** A port or a template that becomes one; by default the instance's. */
export const portField = z
  .union([z.number().int().min(1).max(65_535), z.string().min(1)])
  .prefault('${instance.port}')
  .transform((given, context) => readTemplate(String(given), context))
  .refine((given) => parsePort(constantText(given) ?? '1') !== undefined, 'not a port')
  .meta({
    description: "Port to connect to; default the instance's",
    examples: [8081, '${instance.metadata.managementPort}'],
  });

export const addressField = template
  .prefault('${instance.host}')
  .meta({ description: "Host name or address to connect to; default the instance's" });

export const familyField = z
  .enum(['any', 'ipv4', 'ipv6'])
  .default('any')
  .transform((name) => (name === 'ipv4' ? 4 : name === 'ipv6' ? 6 : 'any'))
  .meta({
    description:
      'Address family of names; any takes what the system lists first; addresses are taken as they are',
  });

export const closeField = z
  .enum(['reset', 'fin'])
  .default('reset')
  .meta({ description: 'How connections are closed: reset leaves no port in TIME_WAIT' });

export const tlsFields = z.strictObject({
  serverName: template
    .optional()
    .meta({ description: 'Name asked for and verified; default the host where it is a name' }),
  caFile: filePath
    .optional()
    .meta({ description: 'Certificate authorities in PEM, instead of those that Node brings along' }),
  certFile: filePath.optional().meta({ description: 'Client certificate in PEM' }),
  keyFile: filePath.optional().meta({ description: 'Key of the client certificate in PEM' }),
  insecure: z.boolean().default(false).meta({ description: 'Do not verify the certificate' }),
});

export type TlsOptions = z.output<typeof tlsFields>;

/** The `tls` of a probe: true for the defaults. */
export const tlsField = z.union([z.literal(true).transform(() => tlsFields.parse({})), tlsFields]).optional();

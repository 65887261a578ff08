/** Field types that options of probes, rules, registries and the configuration share: one spelling of each everywhere. */

import { z } from 'zod';
import { DURATION_PATTERN, parseDuration } from '../lib/duration.ts';
import { isNetwork } from '../lib/network.ts';

/** What is said of durations and percentages; the configuration adds what was probably meant. */
export const DURATION_FAULTS = {
  type: 'a duration needs its unit, as in 5s or 500ms',
  form: 'not a duration; write it as in 500ms, 5s, 1m30s',
} as const;
export const SHARE_FAULTS = {
  type: 'a percentage needs its sign, as in 84%',
  form: 'not a percentage from 0% to 100%',
} as const;

/** `500ms`, `1m30s`; decodes to milliseconds. */
export const duration = z
  .string({ error: DURATION_FAULTS.type })
  .regex(new RegExp(DURATION_PATTERN), DURATION_FAULTS.form)
  .transform((text) => parseDuration(text) ?? 0)
  .meta({ description: 'Duration with unit: ms, s, m, h, d', examples: ['500ms', '5s', '1m30s'] });

/** `84%` or the bare number 0; decodes to a share from 0 to 1. */
export const share = z
  .union([z.literal(0), z.string().regex(/^(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)%$/, SHARE_FAULTS.form)], {
    error: SHARE_FAULTS.type,
  })
  .transform((value) => (value === 0 ? 0 : Number(value.slice(0, -1)) / 100))
  .meta({
    description: 'Percentage from 0% to 100%; 0 switches it off where that has a meaning',
    examples: ['84%'],
  });

const UNITS: Readonly<Record<string, number>> = { KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 };

/** `256MiB`; decodes to bytes. */
export const bytes = z
  .string({ error: 'a size needs its unit, as in 256MiB' })
  .regex(/^[1-9][0-9]{0,5}(KiB|MiB|GiB)$/, 'not a size; write it as in 512KiB, 256MiB, 1GiB')
  .transform((text) => Number.parseInt(text, 10) * (UNITS[text.slice(-3)] ?? 0))
  .meta({ description: 'Size with unit: KiB, MiB, GiB', examples: ['256MiB'] });

/** Path of a file; relative paths start at the folder of the configuration file. */
export const filePath = z
  .string()
  .min(1)
  .meta({ description: "Path; relative ones start at the file's folder" });

/** A network in CIDR notation or a single address. */
export const network = z
  .string()
  .refine(isNetwork, { error: 'not a network in CIDR notation', params: { about: 'network' } })
  .meta({ description: 'Network in CIDR notation, or one address', examples: ['10.0.0.0/8', 'fd00::/8'] });

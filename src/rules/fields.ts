/** Options that all rules have. */

import { z } from 'zod';
import { duration } from '../options/fields.ts';

export const slowOverField = duration.optional().meta({
  description: 'Looks that took longer count as not passed, cause slow',
});

export const confirmField = z.number().int().min(0).max(4).default(0).meta({
  description: 'Extra looks at once after the first outcome that did not pass',
});

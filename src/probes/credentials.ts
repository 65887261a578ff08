/** Credentials of HTTP probes: where they come from, and when they may be sent at all. */

import { z } from 'zod';
import { filePath } from '../options/fields.ts';
import type { SmallFiles } from './small-files.ts';

const secretTwin = (name: string) => `give either ${name} or ${name}File`;

const basic = z
  .strictObject({
    username: z.string().regex(/^[^:]+$/, 'a user name has no colon'),
    password: z.string().optional(),
    passwordFile: filePath.optional(),
  })
  .refine(
    (given) => (given.password === undefined) !== (given.passwordFile === undefined),
    secretTwin('password'),
  );

const bearer = z
  .strictObject({ token: z.string().optional(), tokenFile: filePath.optional() })
  .refine((given) => (given.token === undefined) !== (given.tokenFile === undefined), secretTwin('token'));

export const authFields = z.union([
  z.strictObject({ basic, insecure: z.boolean().default(false) }),
  z.strictObject({ bearer, insecure: z.boolean().default(false) }),
]);

export type Auth = z.output<typeof authFields>;

/** The value of the Authorization header. Rejects when a file cannot be read. */
export async function authorization(auth: Auth, files: SmallFiles): Promise<string> {
  if ('basic' in auth) {
    const { username, password, passwordFile } = auth.basic;
    const secret = password ?? (await files.read(passwordFile ?? ''));
    return `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}`;
  }
  const { token, tokenFile } = auth.bearer;
  return `Bearer ${token ?? (await files.read(tokenFile ?? ''))}`;
}

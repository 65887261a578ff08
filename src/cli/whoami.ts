/** Who is at the keyboard, for the events. */

import { hostname, userInfo } from 'node:os';

/** `user@host`; the number of the user where the machine has no name for it, as in most containers. */
export function whoami(): string {
  return `${userName()}@${hostname()}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // There is no entry for it in the list of users.
    return String(process.getuid?.() ?? 'unknown');
  }
}

/** Holds a folder for one process: a lock of the operating system, which ends with the process however it ends. */

import { constants } from 'node:fs';
import { access, open } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';

/** Another process holds it. */
export class JournalInUseError extends Error {
  readonly code = 'EBUSY';
  constructor(dir: string) {
    super(`state folder ${dir}: another sonde is using it`);
    this.name = 'JournalInUseError';
  }
}

const BUSY = 5;

/**
 * Throws `JournalInUseError`, or an error with a `code` where there can be no lock file now. Node has no locks of files,
 * but SQLite has: fcntl locks, which hold over pid and network namespaces and over NFS too. The database stays empty.
 */
export async function lockFolder(dir: string, file: string): Promise<Disposable> {
  await make(file);
  // SQLite is content to lock nothing on a file that it may only read.
  await access(file, constants.W_OK);
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    // No file of its own beside the lock file.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === BUSY)
      throw new JournalInUseError(dir);
    throw error;
  }
  return { [Symbol.dispose]: () => database.close() };
}

/** One that exists is not opened: closing it again would end the lock that this process may have on it. */
async function make(file: string): Promise<void> {
  try {
    const handle = await open(file, 'wx', 0o600);
    await handle.close();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

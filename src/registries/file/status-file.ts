/** The file beside the providers in which sonde writes health: read with care, replaced atomically. */

import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { MarkRecord } from '../shared/mark.ts';

/** A mark, and the scaled weight where weights are scaled. */
export interface StatusEntry extends MarkRecord {
  readonly weight?: number;
}

const statusFile = z.looseObject({
  version: z.literal(1),
  writer: z.string(),
  instances: z.record(z.string(), z.unknown()),
});

export type StatusFile = z.output<typeof statusFile>;

const EMPTY: StatusFile = { version: 1, writer: '', instances: {} };

export interface ReadStatus {
  /** Empty where there is no file. */
  readonly text: string;
  readonly status: StatusFile;
  /** It is there and is no status file of this version. */
  readonly corrupt: boolean;
}

/** Rejects with the system's error when the file is there and cannot be read. */
export async function readStatus(path: string): Promise<ReadStatus> {
  try {
    const text = await readFile(path, 'utf8');
    const status = parseStatus(text);
    return { text, status: status ?? EMPTY, corrupt: status === undefined };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      return { text: '', status: EMPTY, corrupt: false };
    throw error;
  }
}

function parseStatus(text: string): StatusFile | undefined {
  try {
    return statusFile.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export function formatStatus(status: StatusFile): string {
  const instances = Object.fromEntries(Object.entries(status.instances).sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({ ...status, instances }, null, 2)}\n`;
}

/** Readers see the old content or the new one, and after a crash of the machine one of the two. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    // `flush` makes it reach the disk before the name points to it.
    await writeFile(temporary, text, { flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** A corrupt file is kept for people to look at; returns where. */
export async function setAside(path: string, stamp: number): Promise<string> {
  const aside = `${path}.corrupt-${stamp}`;
  await rename(path, aside);
  return aside;
}

/** The file beside the providers in which sonde writes health: read with care, replaced atomically. */

import { open, readFile, rename } from 'node:fs/promises';
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

export type ReadStatus =
  | { readonly kind: 'read'; readonly text: string; readonly status: StatusFile }
  /** It is there and is no status file. */
  | { readonly kind: 'corrupt'; readonly text: string };

/** Rejects with the system's error when the file is there and cannot be read. */
export async function readStatus(path: string): Promise<ReadStatus> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'read', text: '', status: EMPTY };
    throw error;
  }
  return parseStatus(text);
}

function parseStatus(text: string): ReadStatus {
  try {
    const decoded = statusFile.safeParse(JSON.parse(text));
    if (decoded.success) return { kind: 'read', text, status: decoded.data };
  } catch {
    // Not JSON: corrupt like any other wrong content.
  }
  return { kind: 'corrupt', text };
}

export function formatStatus(status: StatusFile): string {
  const instances = Object.fromEntries(Object.entries(status.instances).sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({ ...status, instances }, null, 2)}\n`;
}

/** Readers see the old content or the new one, and after a crash of the machine one of the two. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, 'w', 0o644);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

/** A corrupt file is kept for people to look at; returns where. */
export async function setAside(path: string, stamp: number): Promise<string> {
  const aside = `${path}.corrupt-${stamp}`;
  await rename(path, aside);
  return aside;
}

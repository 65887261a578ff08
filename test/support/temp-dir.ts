/** Folders for a test, gone with its scope. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function tempDir(scope: DisposableStack | AsyncDisposableStack): string {
  const dir = mkdtempSync(join(tmpdir(), 'sonde-test-'));
  scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

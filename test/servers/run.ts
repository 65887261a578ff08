/**
 * `npm run test:servers`: gets the real servers that this machine can have, runs their tests, and tells in a table which were
 * run. `--cached` builds nothing that takes many minutes; `--all` runs all other tests in the same run.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getServers } from './get.ts';
import { SERVERS } from './list.ts';

const flags = process.argv.slice(2);
const unknown = flags.filter((flag) => flag !== '--cached' && flag !== '--all');
if (unknown.length > 0) {
  process.stderr.write(`test:servers does not know ${unknown.join(' ')}; it knows --cached and --all\n`);
  process.exit(2);
}

const had = getServers(flags.includes('--cached'), (line) => process.stderr.write(`${line}\n`));
const dir = mkdtempSync(join(tmpdir(), 'sonde-servers-'));
const table = join(dir, 'had.json');
writeFileSync(table, JSON.stringify(had));
// Whose server is there must run: a test that does not find it fails.
const required = new Set([
  ...(process.env.SONDE_REQUIRE_SERVERS ?? '').split(',').filter((name) => name !== ''),
  ...had.filter(({ why }) => why === undefined).map(({ name }) => name),
]);
const files = SERVERS.flatMap(({ tests }) => tests.map((path) => `test/${path}`));
// All tests are what the README says: nothing is green here that is not green there.
const run = spawn('npm', ['test', ...(flags.includes('--all') ? [] : ['--', ...files])], {
  stdio: 'inherit',
  env: { ...process.env, SONDE_REQUIRE_SERVERS: [...required].join(','), SONDE_SERVERS_HAD: table },
});
for (const sign of ['SIGINT', 'SIGTERM'] as const) process.on(sign, () => run.kill(sign));
run.on('error', (error) => {
  process.stderr.write(`npm cannot be started: ${error.message}\n`);
  process.exitCode = 1;
});
run.on('exit', (code) => {
  rmSync(dir, { recursive: true, force: true });
  process.exitCode = code ?? 1;
});

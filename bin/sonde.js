#!/usr/bin/env node
// Plain JavaScript that any Node can read: refuses an old one in one sentence, else loads the program.
import { existsSync } from 'node:fs';

const OLDEST = 24;

if (Number(process.versions.node.split('.')[0]) < OLDEST) {
  process.stderr.write(
    `sonde needs Node ${OLDEST} or newer, this is ${process.versions.node}: install a newer Node, or use npm (npm start, npm run sonde -- …), which runs the pinned one.\n`,
  );
  process.exitCode = 1;
} else {
  const source = new URL('../src/main.ts', import.meta.url);
  await import(existsSync(source) ? source.href : new URL('../dist/main.js', import.meta.url).href);
}

/** How commands say that something did not work, and how they print documents. */

import { stringify } from 'yaml';
import { printable } from '../lib/text-width.ts';
import type { Failed } from './client.ts';
import type { ExitCode, Io } from './io.ts';
import { speaksUtf8 } from './signs.ts';

export function complain(io: Io, sentence: string): void {
  io.err.write(`sonde: ${printable(sentence)}\n`);
}

/** The server did not answer or refused: 4, unless the command knows better what its status says. */
export function giveUp(io: Io, { sentence }: Failed, code: ExitCode = 4): void {
  complain(io, sentence);
  io.exit(code);
}

/** The value as one document; where the terminal has no UTF-8 everything beyond ASCII is escaped, never replaced. */
export function printDocument(io: Io, format: 'json' | 'jsonl' | 'yaml', value: unknown): void {
  const utf8 = speaksUtf8(io.env);
  switch (format) {
    case 'json':
      io.out.write(`${escaped(JSON.stringify(value, null, 2), utf8)}\n`);
      break;
    case 'jsonl':
      io.out.write(`${escaped(JSON.stringify(value), utf8)}\n`);
      break;
    case 'yaml': {
      const text = stringify(value, {
        aliasDuplicateObjects: false,
        ...(utf8 ? {} : { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'QUOTE_DOUBLE' }),
      });
      io.out.write(escaped(text, utf8));
      break;
    }
    default:
      format satisfies never;
  }
}

function escaped(text: string, utf8: boolean): string {
  if (utf8) return text;
  return text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

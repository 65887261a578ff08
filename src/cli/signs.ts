/** The signs beyond ASCII that sonde writes, and what stands for them where the terminal does not speak UTF-8. */

import type { Io, Stream } from './io.ts';

/** Each takes one column, and so does what stands for it: nothing moves. */
const PLAIN: Readonly<Record<string, string>> = {
  '●': '+',
  '◐': '~',
  '✖': 'x',
  '○': '?',
  '√': '+',
  '×': 'x',
  '‼': '!',
  '…': '~',
  '→': '>',
  '·': '.',
  '│': '|',
  '─': '-',
  '┌': '+',
  '└': '+',
  '█': '#',
  '–': '-',
  '’': "'",
};
const SIGNS = new RegExp(`[${Object.keys(PLAIN).join('')}]`, 'g');

/** What the locale says (POSIX: LC_ALL before LC_CTYPE before LANG); terminals of today do where it says nothing. */
export function speaksUtf8({ LC_ALL, LC_CTYPE, LANG, TERM }: Io['env']): boolean {
  const locale = [LC_ALL, LC_CTYPE, LANG].find((value) => value !== undefined && value !== '');
  return TERM !== 'dumb' && (locale === undefined || /utf-?8/i.test(locale));
}

/** The same world; what is written to it holds no sign of ours that its terminal could not show. */
export function withPlainSigns(io: Io): Io {
  if (speaksUtf8(io.env)) return io;
  const plain = (stream: Stream): Stream => ({
    write: (text) => stream.write(text.replace(SIGNS, (sign) => PLAIN[sign] ?? sign)),
    isTTY: stream.isTTY,
    get columns() {
      return stream.columns;
    },
  });
  return {
    out: plain(io.out),
    err: plain(io.err),
    env: io.env,
    signal: io.signal,
    onHangup: (listener) => io.onHangup(listener),
    exit: (code) => io.exit(code),
  };
}

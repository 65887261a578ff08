import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { healthCell } from '../../src/cli/look.ts';
import { type Column, renderTable } from '../../src/cli/table.ts';
import type { Health } from '../../src/core/health.ts';
import { displayWidth } from '../../src/lib/text-width.ts';

interface Person {
  readonly name: string;
  readonly health: Health;
  readonly note: string;
}

const COLUMNS: readonly Column<Person>[] = [
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'HEALTH', cell: ({ health }) => healthCell(health, [], true), whole: true },
  { title: 'NOTE', cell: ({ note }) => note },
];
const PEOPLE: readonly Person[] = [
  { name: 'payments', health: 'healthy', note: '' },
  { name: '支付服务', health: 'sub-healthy', note: 'slow' },
  { name: 'évil\u001b[2J\u202e', health: 'dead', note: 'a\nb' },
];

describe('renderTable', () => {
  it('lines up names of any script and shows no control character', () => {
    const text = renderTable(COLUMNS, PEOPLE, { width: 80, color: false });
    expect(text).toBe(
      [
        'NAME        HEALTH          NOTE',
        'payments    ● healthy       ',
        '支付服务    ◐ sub-healthy   slow',
        'évil\ufffd[2J\ufffd   ✖ dead          a\ufffdb',
        '',
      ].join('\n'),
    );
  });

  it('cuts the widest column first, and what must be whole last', () => {
    const people = [
      { name: 'a-very-long-name-of-a-service', health: 'sub-healthy', note: 'twelve chars' } as const,
    ];
    expect(renderTable(COLUMNS, people, { width: 45, color: false }).split('\n')).toEqual([
      'NAME             HEALTH          NOTE',
      'a-very-long-n…   ◐ sub-healthy   twelve chars',
      '',
    ]);
    expect(renderTable(COLUMNS, people, { width: 26, color: false }).split('\n')[1]).toBe(
      'a-ver…   ◐ sub-h…   twelv…',
    );
  });

  it('colours only on demand, and never changes what stands there', () => {
    const plain = renderTable(COLUMNS, PEOPLE, { width: 80, color: false });
    const colored = renderTable(COLUMNS, PEOPLE, { width: 80, color: true });
    expect(colored).toContain('\u001b[31m✖ dead\u001b[39m');
    expect(stripVTControlCharacters(colored)).toBe(plain);
  });

  it('fits any width that leaves each column six characters', () => {
    const person = fc.record({
      name: fc.string({ unit: 'grapheme', maxLength: 60 }),
      health: fc.constantFrom<Health>('healthy', 'dead'),
      note: fc.string({ unit: 'binary', maxLength: 60 }),
    });
    fc.assert(
      fc.property(fc.array(person), fc.integer({ min: 24, max: 120 }), (people, width) => {
        const lines = renderTable(COLUMNS, people, { width, color: false }).split('\n');
        expect(lines).toHaveLength(people.length + 2);
        expect(Math.max(...lines.map(displayWidth))).toBeLessThanOrEqual(width);
      }),
    );
  });
});

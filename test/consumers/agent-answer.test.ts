import { describe, expect, it } from 'vitest';
import { agentAnswer } from '../../src/consumers/agent-answer.ts';
import { said } from './said.ts';

const DOWN = { dead: 'down', subHealthyWeight: 0.3 } as const;
const DRAIN = { dead: 'drain', subHealthyWeight: 0.3 } as const;

describe('the answer to an agent check', () => {
  it.each([
    ['healthy', 'up 100%\n', 'ready up 100%\n'],
    ['sub-healthy', 'up 30%\n', 'ready up 30%\n'],
    ['dead', 'down #slow\n', 'drain #slow\n'],
    ['release', 'up 100%\n', 'ready up 100%\n'],
    [null, undefined, undefined],
  ] as const)('is for %s %j, or %j where dead ones drain', (health, down, drain) => {
    expect(agentAnswer(said(health), DOWN)).toBe(down);
    expect(agentAnswer(said(health), DRAIN)).toBe(drain);
  });

  it('leaves a sub-healthy one a weight, however small its share', () => {
    expect(agentAnswer(said('sub-healthy'), { ...DOWN, subHealthyWeight: 0 })).toBe('up 1%\n');
  });

  it('follows what its owner says in the registry, whatever was judged', () => {
    expect(agentAnswer(said('healthy', { enabled: false }), DOWN)).toBe('down #disabled in the registry\n');
    expect(agentAnswer(said('healthy', { draining: true }), DOWN)).toBe('up 0%\n');
  });

  it('is one line, whatever a reason holds', () => {
    expect(agentAnswer(said('dead', {}, `up\r\n100%\u0000${'x'.repeat(200)}`), DOWN)).toBe(
      `down #up100%${'x'.repeat(74)}\n`,
    );
  });
});

import { describe, expect, it } from 'vitest';
import { findings } from '../../bench/detection-live/findings.ts';
import { measure } from '../../bench/detection-live/measure.ts';

describe('the running program against providers that fall ill', () => {
  it('writes dead what crashed, and nobody else; a pause of its own makes nobody fail', async () => {
    const run = await measure(() => undefined);
    expect(run.ill).toHaveLength(32);
    expect(findings(run).wrong).toEqual([]);
  }, 240_000);
});

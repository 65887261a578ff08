import { describe, expect, it } from 'vitest';
import type { TargetId } from '../../src/core/target.ts';
import { Group } from '../../src/engine/peers.ts';

const id = (index: number) => `t${index}` as TargetId;

describe('the peers of a target', () => {
  it('have a usual latency once six of them passed, which one slow one does not move', () => {
    const group = new Group();
    for (let index = 0; index < 5; index++) group.heard(id(index), true, 20, 0);
    expect(group.peersOf(id(0), 0).latency).toBeUndefined();
    for (let index = 0; index < 6; index++) group.heard(id(index), true, index === 0 ? 900 : 20, 1_000);
    expect(group.peersOf(id(0), 1_000).latency?.median).toBeCloseTo(20, 9);
    expect(group.peersOf(id(0), 62_000).latency).toBeUndefined();
  });

  it('turned within the last minute, without oneself', () => {
    const group = new Group();
    group.turned(id(0), 0);
    group.turned(id(1), 30_000);
    expect(group.peersOf(id(2), 60_000).turned).toBe(2);
    expect(group.peersOf(id(1), 60_000).turned).toBe(1);
    expect(group.peersOf(id(2), 60_001).turned).toBe(1);
    group.left(id(1));
    expect(group.peersOf(id(2), 60_001).turned).toBe(0);
  });
});

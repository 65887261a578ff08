/** An operator's counterpart that notes what it was asked. */

import type { Board } from '../../src/board/board.ts';
import type { Control, ReloadResult } from '../../src/core/control.ts';
import type { Intervention, InterventionOrder } from '../../src/core/intervention.ts';

export class FakeControl implements Control {
  readonly probed: string[] = [];
  /** What was said, and by whom. */
  readonly said: string[] = [];
  readonly orders: InterventionOrder[] = [];
  laid: Intervention[] = [];
  result: ReloadResult = { kind: 'unchanged' };
  readonly #board: () => Board;

  constructor(board: () => Board) {
    this.#board = board;
  }

  probeNow(id: string): boolean {
    if (id === 'broken') throw new Error('secret stack');
    this.probed.push(id);
    return this.#board().instance(id) !== undefined;
  }

  overwrite(id: string, by: string): boolean {
    this.said.push(`overwrite ${id} by ${by}`);
    return this.#board().instance(id) !== undefined;
  }

  releaseGuard(registry: string, by: string, reason?: string): boolean {
    this.said.push(`release-guard ${registry} by ${by}${reason === undefined ? '' : `: ${reason}`}`);
    return registry === 'local';
  }

  intervene(order: InterventionOrder): Intervention {
    this.orders.push(order);
    const { lasts: _, ...rest } = order;
    const laid = {
      ...rest,
      id: `i${this.orders.length}`,
      at: '2026-01-01T00:00:00.000Z',
      until: null,
      instances: 1,
    };
    this.laid.push(laid);
    return laid;
  }

  interventions(): readonly Intervention[] {
    return this.laid;
  }

  lift(id: string, by: string): boolean {
    this.said.push(`lift ${id} by ${by}`);
    const before = this.laid.length;
    this.laid = this.laid.filter((one) => one.id !== id);
    return this.laid.length < before;
  }

  reload(by: string): Promise<ReloadResult> {
    this.said.push(`reload by ${by}`);
    return Promise.resolve(this.result);
  }
}

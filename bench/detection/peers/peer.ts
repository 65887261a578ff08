/** Rules of other systems, re-implemented from what they document; emulations, not the products run. */

export interface Peer {
  /** A look ended. */
  hear(passed: boolean, at: number): void;
  readonly up: boolean;
  /** When it goes down if nothing more is heard; infinity for rules that only listen. */
  readonly silentUntil: number;
}

export interface PeerRule {
  readonly id: string;
  readonly title: string;
  /** Where the rule is documented. */
  readonly source: string;
  /** Milliseconds between looks as shipped. */
  readonly interval: number;
  /** Where the interval begins: at the start of a look, or at its end. */
  readonly from: 'start' | 'end';
  /** Looks before it can say anything. */
  readonly memory: number;
  create(interval: number): Peer;
}

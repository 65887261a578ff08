/**
 * A rule of one's own: what most of the last looks found, as told by `plugins: [./examples/plugins/majority-rule.mjs]`
 * and `rules: { byMajority: { kind: majority, size: 5 } }`. Read core/rule.ts beside it.
 */

/** @typedef {{ at: number, mark: '+' | '-' | 'x', cause?: string }} Look passed, failed, not reached */

/** @type {import('../../src/core/plugin.ts').OptionsSchema<{ size: number }>} */
const options = {
  '~standard': {
    version: 1,
    vendor: 'example',
    validate(given) {
      const size = given?.size ?? 5;
      if (Number.isInteger(size) && size >= 3 && size <= 99 && size % 2 === 1) return { value: { size } };
      return { issues: [{ message: 'must be an odd number from 3 to 99', path: ['size'] }] };
    },
  },
};

/** @type {import('../../src/core/rule.ts').RulePlugin<{ size: number }>} */
const majority = {
  name: 'majority',
  summary: 'Judges by what most of the last looks found.',
  options,
  create: ({ size }) => ({
    initial: ({ health, reason, graceUntil }) => ({ version: 1, health, reason, looks: [], graceUntil }),

    step(state, { outcome }, { now }) {
      // A skip is our own fault, and what fails before its start period is over has not started yet.
      const ignored = outcome.kind === 'skip' || (outcome.kind === 'fail' && now < state.graceUntil);
      const next = ignored ? state : judge(state, outcome, now, size);
      const last = next.looks.at(-1);
      const pending = last === undefined || (last.mark === '+') !== (next.health === 'healthy');
      const cadence =
        next.health === 'dead' && last?.mark === 'x' ? 'dead' : pending ? 'suspicious' : 'normal';
      return { state: next, verdict: verdictOf(next), cadence, confirmations: 0 };
    },

    verdict: verdictOf,
  }),
};

/** The next state: the old one is never changed. */
function judge(state, outcome, now, size) {
  /** @type {Look['mark']} */
  const mark = outcome.kind === 'pass' ? '+' : outcome.reached ? '-' : 'x';
  const looks = [...state.looks, { at: now, mark, ...(mark !== '+' && { cause: outcome.cause }) }].slice(
    -size,
  );
  const next = { ...state, looks, graceUntil: mark === '+' ? 0 : state.graceUntil };
  if (looks.length < size) return next;
  const most = (wanted) => looks.filter((look) => look.mark === wanted).length * 2 > size;
  const health = most('+') ? 'healthy' : most('x') ? 'dead' : 'sub-healthy';
  if (health === state.health) return next;
  // The reason is kept as it was when the health was entered: registries wake their watchers on any change.
  const cause = looks.findLast((look) => look.mark === 'x')?.cause;
  const reason = health === 'healthy' ? 'passing' : health === 'dead' ? cause : 'low-success-rate';
  return { ...next, health, reason };
}

function verdictOf({ health, reason, looks }) {
  const total = looks.length;
  const passed = looks.filter(({ mark }) => mark === '+').length;
  const reached = looks.filter(({ mark }) => mark !== 'x').length;
  const last = looks.at(-1)?.mark;
  const turned = looks.findLastIndex(({ mark }) => mark !== last);
  const numbers = {
    rate: total === 0 ? null : passed / total,
    reach: total === 0 ? null : reached / total,
    passed,
    total,
    inRow: total - 1 - turned,
    windowStart: looks[0]?.at ?? null,
  };
  return { health, reason, numbers };
}

export const rules = [majority];

/** What is well-formed and makes no sense: contradictions between parts of the file. Works on whatever could be read. */

import type { WriteMode } from '../core/view.ts';
import type { Listen } from './config.ts';
import type { Findings } from './findings.ts';
import { collide, parseListen } from './listen.ts';
import {
  type KnownRegistry,
  registriesIn,
  registriesOf,
  tellDuplicates,
  tellMatch,
  tellRule,
} from './names.ts';
import { tellTimes, timesOf } from './times.ts';
import { childOf, entryOf, itemsOf, type Node, shownText, textOf } from './tree.ts';

/** `rules` are the names of all rules that there are. */
export function tellContradictions(root: Node, rules: ReadonlySet<string>, findings: Findings): void {
  const defaults = childOf(root, 'defaults');
  const checks = itemsOf(childOf(root, 'checks'));
  const policies = itemsOf(childOf(root, 'policies'));
  const registries = registriesOf(root);

  tellListeners(root, findings);
  tellDuplicates(childOf(root, 'registries'), 'registry', findings);
  tellDuplicates(childOf(root, 'checks'), 'check', findings);
  const webhooks = itemsOf(childOf(root, 'webhooks'));
  tellDuplicates(childOf(root, 'webhooks'), 'webhook', findings);
  const consumers = itemsOf(childOf(root, 'consumers'));
  tellDuplicates(childOf(root, 'consumers'), 'consumer', findings);
  tellRule(defaults, 'rule', rules, findings);
  tellTimes(timesOf(undefined, defaults), 'defaults', findings);
  for (const check of checks) {
    tellRule(check, 'rule', rules, findings);
    tellRule(check, 'shadow', rules, findings);
    tellTimes(timesOf(check, defaults), 'check', findings);
  }
  // A registry whose own name cannot be read would make every mention of it look wrong.
  if (registries.length < itemsOf(childOf(root, 'registries')).length) return;
  for (const holder of [...checks, ...policies, ...webhooks, ...consumers])
    tellMatch(holder, registries, findings);
  for (const policy of policies) tellLaxity(policy, registries, findings);
  // Where something is wrong it is mostly for that reason.
  if (findings.failed) return;
  tellIdle(root, checks, registries, findings);
  for (const consumer of consumers) tellUntold(consumer, registries, findings);
}

interface Listener {
  readonly what: string;
  readonly node: Node | undefined;
  readonly address: Listen;
}

function tellListeners(root: Node, findings: Findings): void {
  const server = childOf(root, 'server');
  const asked: readonly (readonly [string, Node | undefined, string])[] = [
    ['listen', childOf(server, 'listen'), '127.0.0.1:9810'],
    ['telemetry', childOf(server, 'telemetry'), ''],
    ...itemsOf(childOf(root, 'consumers')).map((consumer) => {
      const name = textOf(childOf(consumer, 'name')) ?? '';
      return [`the consumer \`${name}\``, childOf(consumer, 'listen'), ''] as const;
    }),
  ];
  const listeners: Listener[] = [];
  for (const [what, node, otherwise] of asked) {
    const address = parseListen(node === undefined ? otherwise : (textOf(node) ?? ''));
    if (address === undefined) continue;
    const other = listeners.find((one) => collide(one.address, address));
    listeners.push({ what, node, address });
    if (other === undefined || node === undefined) continue;
    const notes =
      other.node === undefined ? [] : [{ at: other.node.span, message: `${other.what} is set here` }];
    const hint =
      what === 'telemetry'
        ? 'give the second listener a port of its own, or take it away: the first serves telemetry too'
        : 'give each listener a port of its own';
    findings.add({
      code: 'SND2010',
      message: `${what} wants the address of ${other.what}`,
      at: node.span,
      notes,
      hint,
    });
  }
}

/** Laxest last. */
const MODES: readonly string[] = ['observe', 'dry-run', 'apply'] satisfies readonly WriteMode[];

function tellLaxity(policy: Node, registries: readonly KnownRegistry[], findings: Findings): void {
  const mode = childOf(childOf(policy, 'write'), 'mode');
  const text = textOf(mode);
  const laxity = MODES.indexOf(text ?? '');
  const matched = registriesIn(policy, registries).map(({ name, node }) => {
    const own = childOf(childOf(node, 'write'), 'mode');
    return {
      name,
      node,
      own,
      laxity: MODES.indexOf(own === undefined ? 'dry-run' : (textOf(own) ?? '')),
    };
  });
  // Where one of them is as lax the policy has a meaning: it takes back a stricter one before it.
  if (mode === undefined || laxity < 0 || matched.length === 0) return;
  if (matched.some((one) => one.laxity < 0 || one.laxity >= laxity)) return;
  findings.add({
    code: 'SND2009',
    message: `write mode ${shownText(mode)} is laxer than that of ${matched.map(({ name }) => `\`${name}\``).join(', ')}`,
    at: mode.span,
    notes: matched.map(({ name, node, own }) =>
      own === undefined
        ? { at: nameSpan(node), message: `\`${name}\` has the default, dry-run` }
        : { at: own.span, message: `the mode of \`${name}\`` },
    ),
    hint: 'a policy can only be stricter; set the mode of the registry',
  });
}

function tellIdle(
  root: Node,
  checks: readonly Node[],
  registries: readonly KnownRegistry[],
  findings: Findings,
): void {
  const at = entryOf(root, 'version')?.key ?? root.span;
  if (registries.length === 0 || checks.length === 0) {
    const what = registries.length === 0 ? 'registry' : 'check';
    findings.add({ code: 'SND3003', message: `there is no ${what}: nothing will be looked at`, at });
    return;
  }
  for (const { name, node } of registries) {
    if (checks.some((check) => registriesIn(check, [{ name, node }]).length > 0)) continue;
    const message = `no check looks at the instances of \`${name}\``;
    findings.add({ code: 'SND3002', message, at: nameSpan(node) });
  }
}

function tellUntold(consumer: Node, registries: readonly KnownRegistry[], findings: Findings): void {
  const meant = registriesIn(consumer, registries);
  const modes = meant.map(({ node }) => textOf(childOf(childOf(node, 'write'), 'mode')) ?? 'dry-run');
  if (meant.length === 0 || modes.includes('apply')) return;
  const message = `\`${textOf(childOf(consumer, 'name'))}\` is told of nobody's death: none of its registries is in the mode apply`;
  findings.add({
    code: 'SND3004',
    message,
    at: nameSpan(consumer),
    hint: `write: { mode: apply } at ${meant.map(({ name }) => `\`${name}\``).join(' or ')}, once you trust what is judged`,
  });
}

function nameSpan(item: Node) {
  return childOf(item, 'name')?.span ?? item.span;
}

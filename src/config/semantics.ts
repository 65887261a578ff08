/** What is well-formed and makes no sense: contradictions between parts of the file. Works on whatever could be read. */

import type { WriteMode } from '../core/view.ts';
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

  tellListeners(childOf(root, 'server'), findings);
  tellDuplicates(childOf(root, 'registries'), 'registry', findings);
  tellDuplicates(childOf(root, 'checks'), 'check', findings);
  const webhooks = itemsOf(childOf(root, 'webhooks'));
  tellDuplicates(childOf(root, 'webhooks'), 'webhook', findings);
  tellRule(defaults, 'rule', rules, findings);
  tellTimes(timesOf(undefined, defaults), 'defaults', findings);
  for (const check of checks) {
    tellRule(check, 'rule', rules, findings);
    tellRule(check, 'shadow', rules, findings);
    tellTimes(timesOf(check, defaults), 'check', findings);
  }
  // A registry whose own name cannot be read would make every mention of it look wrong.
  if (registries.length < itemsOf(childOf(root, 'registries')).length) return;
  for (const holder of [...checks, ...policies, ...webhooks]) tellMatch(holder, registries, findings);
  for (const policy of policies) tellLaxity(policy, registries, findings);
  // Where something is wrong it is mostly for that reason.
  if (!findings.failed) tellIdle(root, checks, registries, findings);
}

function tellListeners(server: Node | undefined, findings: Findings): void {
  const node = childOf(server, 'telemetry');
  const telemetry = parseListen(textOf(node) ?? '');
  const listenNode = childOf(server, 'listen');
  const listen = parseListen(listenNode === undefined ? '127.0.0.1:9810' : (textOf(listenNode) ?? ''));
  if (node === undefined || telemetry === undefined || listen === undefined || !collide(telemetry, listen))
    return;
  const notes = listenNode === undefined ? [] : [{ at: listenNode.span, message: 'listen is set here' }];
  const hint = 'give the second listener a port of its own, or take it away: the first serves telemetry too';
  findings.add({
    code: 'SND2010',
    message: 'telemetry wants the address of listen',
    at: node.span,
    notes,
    hint,
  });
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

function nameSpan(registry: Node) {
  return childOf(registry, 'name')?.span ?? registry.span;
}

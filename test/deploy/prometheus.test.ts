import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CATALOGUE } from '../../src/metrics/catalogue.ts';
import { describeWith } from '../support/servers.ts';

const ROOT = join(import.meta.dirname, '../..');
const FOLDER = join(ROOT, 'deploy/prometheus');
const RUNBOOKS = join(ROOT, 'docs/runbooks');

interface RuleFile {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert?: string;
      readonly record?: string;
      readonly expr: string;
      readonly annotations?: { readonly runbook_url: string };
    }[];
  }[];
}

const rules = ['rules.yml', 'alerts.yml'].flatMap((file) =>
  (parse(readFileSync(join(FOLDER, file), 'utf8')) as RuleFile).groups.flatMap((group) => group.rules),
);
const alerts = rules.filter((rule) => rule.alert !== undefined);

interface Panel {
  readonly title: string;
  readonly targets: readonly { readonly expr: string }[];
}
const dashboard = JSON.parse(readFileSync(join(ROOT, 'deploy/grafana/sonde.json'), 'utf8')) as {
  panels: readonly Panel[];
};

/** Names of metrics that an expression uses, and the labels it selects or groups by. */
function usedBy(expression: string): {
  readonly names: readonly string[];
  readonly labels: readonly string[];
} {
  const names = [...expression.matchAll(/\b(?:sonde|probe)[a-z0-9_:]*/g)].map(([name]) => name);
  const selected = [...expression.matchAll(/([a-z_]+)\s*(?:=~|!=|!~|=)\s*"/g)].map(([, label = '']) => label);
  const grouped = [...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list.split(',').map((one) => one.trim()),
  );
  return { names, labels: [...selected, ...grouped] };
}

const records = new Set(rules.flatMap(({ record }) => (record === undefined ? [] : [record])));
const metrics = new Map(
  CATALOGUE.map((family) => [family.name as string, family.labels as readonly string[]]),
);

function problemsOf(expression: string): readonly string[] {
  const { names, labels } = usedBy(expression);
  const bare = names.map((name) => name.replace(/_(bucket|sum|count)$/, ''));
  const unknown = bare.filter((name) => !metrics.has(name) && !records.has(name));
  const known = new Set([
    'job',
    'le',
    ...bare.flatMap((name) => metrics.get(name) ?? ['registry', 'ns', 'svc']),
  ]);
  return [...unknown, ...labels.filter((label) => !known.has(label))];
}

describe('alerts, recording rules and dashboard', () => {
  it('are many', () => {
    expect(alerts.length).toBeGreaterThanOrEqual(12);
    expect(dashboard.panels.length).toBeGreaterThanOrEqual(12);
  });

  it.each(rules.map(({ alert, record, expr }) => [alert ?? record ?? '', expr]))(
    '%s uses metrics and labels that exist',
    (_, expr) => {
      expect(problemsOf(expr)).toEqual([]);
    },
  );

  it.each(dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr])))(
    'panel %s uses metrics and labels that exist',
    (_, expr) => {
      expect(problemsOf(expr)).toEqual([]);
    },
  );

  it('notices a metric or a label that is not there', () => {
    expect(problemsOf('sum by (svc) (sonde_instance{health="dead"})')).toContain('sonde_instance');
    expect(problemsOf('sonde_instances{state="dead"}')).toEqual(['state']);
  });

  it('have a runbook each, and no runbook is left over', () => {
    for (const { alert = '', annotations } of alerts) {
      expect(annotations?.runbook_url).toBe(`docs/runbooks/${alert}.md`);
      expect(existsSync(join(RUNBOOKS, `${alert}.md`))).toBe(true);
    }
    expect(readdirSync(RUNBOOKS).sort()).toEqual(alerts.map(({ alert }) => `${alert}.md`).sort());
  });
});

describe.each(alerts.map(({ alert = '' }) => alert))('the runbook %s', (alert) => {
  const text = readFileSync(join(RUNBOOKS, `${alert}.md`), 'utf8');

  it('says what it means, what suffers, what to look at and do, and when it is a false alarm', () => {
    const parts = [...text.matchAll(/^\*\*(.+?)\.\*\* /gm)].map(([, part]) => part);
    const wanted = ['What it means', 'What suffers', 'Do', 'False alarm'];
    expect(parts).toEqual(wanted);
    expect(text).toMatch(/^\*\*Look at\.\*\*\n\n```sh\nsonde /m);
  });

  it('asks for metrics and labels that exist', () => {
    const [, block = ''] = /^```promql\n([\s\S]*?)^```$/m.exec(text) ?? [];
    expect(block).not.toBe('');
    for (const line of block.trim().split('\n')) expect([line, problemsOf(line)]).toEqual([line, []]);
  });
});

describeWith('prometheus', 'promtool', 'promtool', () => {
  const promtool = (...args: string[]): string =>
    execFileSync('promtool', args, { cwd: FOLDER, encoding: 'utf8', stdio: 'pipe' });

  it('accepts configuration and rules', () => {
    expect(promtool('check', 'rules', 'rules.yml', 'alerts.yml')).toContain('SUCCESS');
    expect(promtool('check', 'config', 'prometheus.yml')).toContain('SUCCESS');
  });

  it('sees every alert fire when it must, and only then', () => {
    expect(promtool('test', 'rules', 'tests/alerts.test.yml')).toContain('SUCCESS');
    const tested = readFileSync(join(FOLDER, 'tests/alerts.test.yml'), 'utf8');
    for (const { alert = '' } of alerts) expect(tested).toContain(`alertname: ${alert}`);
  });
});

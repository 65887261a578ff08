import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { builtins } from '../../src/app/builtins.ts';
import { loadConfig } from '../../src/config/load.ts';
import { describeWith } from '../support/servers.ts';

const DEPLOY = join(import.meta.dirname, '../../deploy');
const VARIANTS = ['standalone', 'sidecar', 'cluster'] as const;

describe.each(VARIANTS)('the %s configuration', (variant) => {
  it('is valid', async () => {
    const result = await loadConfig(join(DEPLOY, 'kubernetes', variant, 'sonde.yaml'), {
      catalogue: builtins,
      env: {},
    });
    expect(result.ok ? result.warnings : result.problems).toEqual([]);
  });
});

describeWith('kustomize', 'kustomize', 'the manifests', () => {
  const build = (variant: string): string =>
    execFileSync('kustomize', ['build', join(DEPLOY, 'kubernetes', variant)], { encoding: 'utf8' });
  const kindsOf = (text: string) =>
    parseAllDocuments(text).map(
      (document) => document.toJS() as { kind: string; metadata: { name: string }; spec?: unknown },
    );

  it('are complete', () => {
    expect(
      kindsOf(build('standalone'))
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(
      [
        'ConfigMap',
        'Deployment',
        'Namespace',
        'NetworkPolicy',
        'PodMonitor',
        'Secret',
        'ServiceAccount',
      ].sort(),
    );
    expect(
      kindsOf(build('sidecar'))
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(['ConfigMap', 'Deployment']);
  });

  it('give the token of the ServiceAccount only to a sonde that has the cluster as its registry', () => {
    const inCluster = build('cluster');
    expect(build('standalone')).not.toContain('automountServiceAccountToken: true');
    expect(inCluster).toContain('automountServiceAccountToken: true');
    expect(inCluster).toContain('kind: kubernetes');
    const bindings = kindsOf(inCluster).filter(({ kind }) => kind === 'ClusterRoleBinding');
    expect(bindings.map(({ metadata }) => metadata.name).sort()).toEqual([
      'sonde-discover',
      'sonde-gates',
      'sonde-slices',
    ]);
  });

  it('name ports that exist, and gate the Pod by the judged health', () => {
    const text = build('sidecar');
    expect(text).toMatch(/restartPolicy: Always/);
    expect(text).toMatch(/path: \/health\/app\n\s+port: telemetry/);
    const monitor = kindsOf(build('standalone')).find(({ kind }) => kind === 'PodMonitor')?.spec as {
      podMetricsEndpoints: { port: string }[];
    };
    expect(new Set(monitor.podMetricsEndpoints.map(({ port }) => port))).toEqual(new Set(['telemetry']));
    expect(build('standalone')).toMatch(/containerPort: 9811\n\s+name: telemetry/);
  });

  describeWith('kubernetes-validate', 'kubernetes-validate', 'by the schemas of Kubernetes', () => {
    const validate = (text: string): void => {
      const file = join(mkdtempSync(join(tmpdir(), 'sonde-manifests-')), 'all.yaml');
      writeFileSync(file, text);
      execFileSync('kubernetes-validate', ['--strict', '-k', '1.33', file], { stdio: 'pipe' });
    };
    // The PodMonitor is a custom resource: its schema comes with the Prometheus operator, not with Kubernetes.
    const own = (variant: string): string =>
      build(variant)
        .split(/^---$/m)
        .filter((text) => !text.includes('kind: PodMonitor'))
        .join('---');

    it.each(VARIANTS)('%s is accepted', (variant) => {
      expect(() => validate(own(variant))).not.toThrow();
    });

    it('a misspelt field is not', () => {
      expect(() => validate(own('sidecar').replace('readinessProbe:', 'readynessProbe:'))).toThrow();
    });
  });
});

describeWith('systemd', 'systemd-analyze', 'the systemd unit', () => {
  it('is understood, and hardened', () => {
    const unit = join(DEPLOY, 'systemd/sonde.service');
    const here = join(mkdtempSync(join(tmpdir(), 'sonde-unit-')), 'sonde.service');
    // The program need not be installed here.
    writeFileSync(
      here,
      readFileSync(unit, 'utf8').replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`),
    );
    const said = execFileSync('systemd-analyze', ['verify', here], { encoding: 'utf8', stdio: 'pipe' });
    expect(said).toBe('');
    const security = execFileSync('systemd-analyze', ['security', '--offline=true', here], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
    const exposure = Number(/Overall exposure level for \S+: ([0-9.]+)/.exec(security)?.[1]);
    expect(exposure).toBeLessThan(2);
  });
});

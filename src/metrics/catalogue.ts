/** THE list of sonde's metrics: what is exposed, where and with which labels. docs/metrics.md is compared with it. */

export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly path: '/metrics' | '/metrics/instances';
}

export const CATALOGUE = [
  {
    name: 'sonde_instances',
    type: 'gauge',
    help: 'Instances of a service by health.',
    labels: ['registry', 'ns', 'svc', 'health'],
    path: '/metrics',
  },
  {
    name: 'sonde_success_ratio',
    type: 'gauge',
    help: 'Share of outcomes that passed, over the windows of all targets of a check in a service now, 0 to 1.',
    labels: ['registry', 'ns', 'svc', 'check'],
    path: '/metrics',
  },
  {
    name: 'sonde_held_instances',
    type: 'gauge',
    help: 'Instances of a service whose write the guard holds back, by why.',
    labels: ['registry', 'ns', 'svc', 'reason'],
    path: '/metrics',
  },
  {
    name: 'sonde_transitions_total',
    type: 'counter',
    help: 'Changes of the health of instances of a service.',
    labels: ['registry', 'ns', 'svc', 'from', 'to'],
    path: '/metrics',
  },
  {
    name: 'sonde_probes_total',
    type: 'counter',
    help: 'Looks that ended, by outcome and cause; the cause of a pass is empty.',
    labels: ['check', 'kind', 'outcome', 'cause'],
    path: '/metrics',
  },
  {
    name: 'sonde_probe_duration_seconds',
    type: 'histogram',
    help: 'How long looks that passed or failed took.',
    labels: ['check', 'kind'],
    path: '/metrics',
  },
  {
    name: 'sonde_schedule_lateness_seconds',
    type: 'histogram',
    help: 'How long after it was due a look began.',
    labels: [],
    path: '/metrics',
  },
  {
    name: 'sonde_slots_skipped_total',
    type: 'counter',
    help: 'Scheduled looks left out because the one before had not ended.',
    labels: [],
    path: '/metrics',
  },
  {
    name: 'sonde_targets',
    type: 'gauge',
    help: 'Targets this prober looks at.',
    labels: [],
    path: '/metrics',
  },
  {
    name: 'sonde_probes_in_flight',
    type: 'gauge',
    help: 'Looks that have begun and not ended.',
    labels: [],
    path: '/metrics',
  },
  {
    name: 'sonde_registry_up',
    type: 'gauge',
    help: 'Whether the registry answers, 0 or 1.',
    labels: ['registry'],
    path: '/metrics',
  },
  {
    name: 'sonde_registry_snapshot_age_seconds',
    type: 'gauge',
    help: 'Time since the registry last confirmed what is known; absent before its first listing.',
    labels: ['registry'],
    path: '/metrics',
  },
  {
    name: 'sonde_writes_total',
    type: 'counter',
    help: 'Writes that came back, by receipt.',
    labels: ['registry', 'receipt'],
    path: '/metrics',
  },
  {
    name: 'sonde_writes_pending',
    type: 'gauge',
    help: 'Writes ordered and not carried out.',
    labels: ['registry'],
    path: '/metrics',
  },
  {
    name: 'sonde_write_lag_seconds',
    type: 'histogram',
    help: 'Time from when a value was desired until it was written.',
    labels: ['registry'],
    path: '/metrics',
  },
  {
    name: 'sonde_consumer_told_total',
    type: 'counter',
    help: 'Times a consumer that reads no registry was told, or could not be.',
    labels: ['consumer', 'result'],
    path: '/metrics',
  },
  {
    name: 'sonde_local_health',
    type: 'gauge',
    help: 'How far the prober doubts itself: 0 is perfect, 8 the worst.',
    labels: [],
    path: '/metrics',
  },
  {
    name: 'sonde_quarantined',
    type: 'gauge',
    help: 'Whether failures that this prober sees count for nothing now, 0 or 1.',
    labels: [],
    path: '/metrics',
  },
  {
    name: 'sonde_suspects_self',
    type: 'gauge',
    help: 'Whether everything was lost at once, so that nothing is written dead, 0 or 1.',
    labels: [],
    path: '/metrics',
  },
  {
    name: 'sonde_anchor_up',
    type: 'gauge',
    help: 'Whether an anchor of local health was reached, 0 or 1; absent before the first look.',
    labels: ['anchor'],
    path: '/metrics',
  },
  {
    name: 'sonde_disregarded_failures_total',
    type: 'counter',
    help: 'Looks that failed and counted for nothing because the prober doubted itself.',
    labels: ['check', 'kind'],
    path: '/metrics',
  },
  {
    name: 'sonde_extra_looks_total',
    type: 'counter',
    help: 'Looks beside the schedule that rules asked for and the budget let through.',
    labels: [],
    path: '/metrics',
  },
  {
    name: 'sonde_extra_looks_waiting',
    type: 'gauge',
    help: 'Looks beside the schedule whose time has come and that wait for the budget.',
    labels: [],
    path: '/metrics',
  },
  {
    name: 'sonde_background_loss_ratio',
    type: 'gauge',
    help: 'Share of looks that miss targets that are alive, by failures that healed, 0 to 1.',
    labels: [],
    path: '/metrics',
  },
  {
    name: 'sonde_shadow_disagreements_total',
    type: 'counter',
    help: 'Times a shadow rule began to judge a target otherwise than the rule in force, by what both said.',
    labels: ['check', 'health', 'shadow'],
    path: '/metrics',
  },
  {
    name: 'sonde_shadow_disagreeing_targets',
    type: 'gauge',
    help: 'Targets that the shadow rule of the check judges otherwise than the rule in force now.',
    labels: ['check'],
    path: '/metrics',
  },
  {
    name: 'sonde_shadow_transitions_total',
    type: 'counter',
    help: 'Changes of health that a shadow rule would have made, by what it said before and after.',
    labels: ['check', 'from', 'to'],
    path: '/metrics',
  },
  {
    name: 'sonde_config_last_reload_successful',
    type: 'gauge',
    help: 'Whether the last configuration read was applied, 0 or 1.',
    labels: [],
    path: '/metrics',
  },
  {
    name: 'sonde_config_last_reload_success_timestamp_seconds',
    type: 'gauge',
    help: 'When a configuration was last applied, seconds since the Unix epoch.',
    labels: [],
    path: '/metrics',
  },
  {
    name: 'sonde_state_kept',
    type: 'gauge',
    help: 'Whether what is learnt is kept over a restart, 0 or 1; absent without state.dir.',
    labels: [],
    path: '/metrics',
  },
  {
    name: 'sonde_webhook_deliveries_total',
    type: 'counter',
    help: 'Events for a webhook by what came of them: delivered; failed attempts, tried again; superseded, dropped, expired or unwanted, lost.',
    labels: ['webhook', 'result'],
    path: '/metrics',
  },
  {
    name: 'sonde_webhook_waiting',
    type: 'gauge',
    help: 'Events that wait for a webhook or are being delivered.',
    labels: ['webhook'],
    path: '/metrics',
  },
  {
    name: 'sonde_build_info',
    type: 'gauge',
    help: 'Always 1; the labels say what runs.',
    labels: ['version', 'node'],
    path: '/metrics',
  },
  {
    name: 'probe_success',
    type: 'gauge',
    help: 'Whether the last look that was no skip passed, 0 or 1; absent before the first.',
    labels: ['registry', 'ns', 'svc', 'target', 'check'],
    path: '/metrics/instances',
  },
  {
    name: 'probe_duration_seconds',
    type: 'gauge',
    help: 'How long the last look that was no skip took.',
    labels: ['registry', 'ns', 'svc', 'target', 'check'],
    path: '/metrics/instances',
  },
  {
    name: 'sonde_instance_health',
    type: 'gauge',
    help: '1 dead, 2 sub-healthy, 3 healthy; absent while unknown.',
    labels: ['registry', 'ns', 'svc', 'target'],
    path: '/metrics/instances',
  },
  {
    name: 'sonde_instance_success_ratio',
    type: 'gauge',
    help: 'Share of outcomes in the window that passed, 0 to 1; absent while nothing counted.',
    labels: ['registry', 'ns', 'svc', 'target', 'check'],
    path: '/metrics/instances',
  },
] as const satisfies readonly Family[];

export type MetricName = (typeof CATALOGUE)[number]['name'];

export function family(name: MetricName): Family {
  const found = CATALOGUE.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no metric ${name}`);
  return found;
}

/**
 * What Eureka's REST interface says, decoded (github.com/Netflix/eureka, InstanceInfo and Applications of eureka-client
 * 1.10 and 2.0, in their JSON form).
 */

import { z } from 'zod';

/** One instance as the server has it. */
export interface InstanceInfo {
  /** In lower case: Eureka's names of applications know no case, and its clients show them so. */
  readonly app: string;
  readonly id: string;
  /** `UP`, `DOWN`, `STARTING`, `OUT_OF_SERVICE`, `UNKNOWN`: what consumers see. */
  readonly status: string;
  /** Set from outside; `UNKNOWN` where there is none. */
  readonly override: string;
  readonly hostName: string;
  readonly ip: string;
  readonly port: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Milliseconds of the server's clock; of the last registration, or of the last write of metadata. */
  readonly registeredAt: number;
  /** Until when it need not renew; milliseconds of the server's clock. */
  readonly leaseUntil: number;
  /** Milliseconds of the server's clock: of two tellings the later one counts. */
  readonly updatedAt: number;
  /** In a list of changes. */
  readonly deleted: boolean;
}

export interface Listing {
  readonly instances: readonly InstanceInfo[];
  /** How many instances of each status the server has in all, as `DOWN_2_UP_14_`. */
  readonly hash: string;
}

const stamp = z.union([z.number(), z.string().regex(/^-?[0-9]+$/)]).transform(Number);
const port = z.object({ $: stamp, '@enabled': z.union([z.boolean(), z.string()]).optional() });

const instance = z
  .object({
    instanceId: z.string().min(1).optional(),
    app: z.string().min(1),
    hostName: z.string().default(''),
    ipAddr: z.string().default(''),
    status: z.string().min(1),
    overriddenStatus: z.string().optional(),
    // Of servers before 1.7.
    overriddenstatus: z.string().optional(),
    port: port.optional(),
    securePort: port.optional(),
    metadata: z.record(z.string(), z.unknown()).nullish(),
    dataCenterInfo: z.object({ metadata: z.record(z.string(), z.unknown()).nullish() }).nullish(),
    leaseInfo: z
      .object({
        registrationTimestamp: stamp.default(0),
        lastRenewalTimestamp: stamp.default(0),
        durationInSecs: stamp.default(90),
      })
      .nullish(),
    lastUpdatedTimestamp: stamp.default(0),
    actionType: z.string().nullish(),
  })
  .transform((found): InstanceInfo => {
    const { metadata, leaseInfo, dataCenterInfo } = found;
    const renewedAt = leaseInfo?.lastRenewalTimestamp ?? 0;
    return {
      app: found.app.toLowerCase(),
      // As InstanceInfo.getId has it.
      id: found.instanceId ?? textOf(dataCenterInfo?.metadata?.['instance-id']) ?? found.hostName,
      status: found.status,
      override: found.overriddenStatus ?? found.overriddenstatus ?? 'UNKNOWN',
      hostName: found.hostName,
      ip: found.ipAddr,
      port: portOf(found.port) ?? portOf(found.securePort) ?? 0,
      // Of an empty map the server tells the class, as if it were a value.
      metadata: Object.fromEntries(
        Object.entries(metadata ?? {}).flatMap(([key, value]) => {
          const text = key === '@class' ? undefined : textOf(value);
          return text === undefined ? [] : [[key, text]];
        }),
      ),
      registeredAt: leaseInfo?.registrationTimestamp ?? 0,
      leaseUntil: renewedAt + (leaseInfo?.durationInSecs ?? 0) * 1_000,
      updatedAt: found.lastUpdatedTimestamp,
      deleted: found.actionType === 'DELETED',
    };
  });

function textOf(value: unknown): string | undefined {
  return ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : undefined;
}

function portOf(found: z.output<typeof port> | undefined): number | undefined {
  return found === undefined || String(found['@enabled'] ?? 'true') !== 'true' ? undefined : found.$;
}

/** Some servers write a list of one as that one. */
function listOf<T extends z.ZodType>(item: T) {
  return z
    .union([z.array(item), item.transform((one) => [one])])
    .nullish()
    .transform((list) => list ?? []);
}

export const listing = z
  .object({
    applications: z.object({
      apps__hashcode: z.string().default(''),
      application: listOf(z.object({ instance: listOf(instance) })),
    }),
  })
  .transform(
    ({ applications }): Listing => ({
      instances: applications.application.flatMap((application) => application.instance),
      hash: applications.apps__hashcode,
    }),
  );

export const single = z.object({ instance }).transform((answer) => answer.instance);

/**
 * What Spring Cloud's page of the server says of itself, undefined where it is another page: leases that are over end nothing
 * while too few are renewed (spring-cloud-netflix-eureka-server, templates/eureka/status.ftlh).
 */
export function preservationIn(html: string): boolean | undefined {
  const [, expires] = /Lease expiration enabled<\/td>\s*<td>\s*(true|false)/.exec(html) ?? [];
  return expires === undefined ? undefined : expires === 'false';
}

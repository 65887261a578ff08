/** THE list of probes, rules and registries. */

import type { Catalogue } from '../core/catalogue.ts';
import { httpProbe } from '../probes/http.ts';
import { scriptProbe } from '../probes/script.ts';
import { tcpProbe } from '../probes/tcp.ts';
import { consulRegistry } from '../registries/consul/registry.ts';
import { dnsRegistry } from '../registries/dns/registry.ts';
import { etcdRegistry } from '../registries/etcd/registry.ts';
import { eurekaRegistry } from '../registries/eureka/registry.ts';
import { fileRegistry } from '../registries/file/registry.ts';
import { kubernetesRegistry } from '../registries/kubernetes/registry.ts';
import { nacosRegistry } from '../registries/nacos/registry.ts';
import { fileSdRegistry } from '../registries/prometheus/file-sd.ts';
import { httpSdRegistry } from '../registries/prometheus/http-sd.ts';
import { redisRegistry } from '../registries/redis/registry.ts';
import { zookeeperRegistry } from '../registries/zookeeper/registry.ts';
import { consecutiveRule } from '../rules/consecutive.ts';
import { successRateRule } from '../rules/success-rate.ts';

export const builtins: Catalogue = {
  probes: [tcpProbe, httpProbe, scriptProbe],
  rules: [successRateRule, consecutiveRule],
  registries: [
    fileRegistry,
    etcdRegistry,
    eurekaRegistry,
    dnsRegistry,
    fileSdRegistry,
    httpSdRegistry,
    redisRegistry,
    kubernetesRegistry,
    zookeeperRegistry,
    consulRegistry,
    nacosRegistry,
  ],
};

import com.alibaba.nacos.NacosServerBasicApplication;
import com.alibaba.nacos.NacosServerWebApplication;
import com.alibaba.nacos.api.exception.NacosException;
import com.alibaba.nacos.core.listener.startup.NacosStartUp;
import com.alibaba.nacos.core.listener.startup.NacosStartUpManager;
import com.alibaba.nacos.naming.core.HealthOperatorV2Impl;
import com.alibaba.nacos.naming.core.v2.client.impl.IpPortBasedClient;
import com.alibaba.nacos.naming.core.v2.client.manager.ClientManagerDelegate;
import com.alibaba.nacos.naming.core.v2.metadata.NamingMetadataManager;
import com.alibaba.nacos.naming.core.v2.pojo.Service;
import com.alibaba.nacos.naming.core.v2.service.ClientOperationServiceProxy;
import com.alibaba.nacos.naming.utils.InstanceUtil;
import com.alibaba.nacos.sys.env.DeploymentType;
import com.alibaba.nacos.sys.env.EnvUtil;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.annotation.Primary;

/**
 * Starts a Nacos 3 of its library jars, for tests, in the order of the official main class. With -Dsonde.healthFix=true its
 * health call behaves as since upstream's pull request 14635 (releases from 3.2 on), which these jars are older than.
 */
public class Nacos3 {
  public static void main(String[] args) {
    EnvUtil.setDeploymentType(DeploymentType.SERVER);
    NacosStartUpManager.start(NacosStartUp.CORE_START_UP_PHASE);
    var sources = Boolean.getBoolean("sonde.healthFix")
      ? new Class<?>[] {NacosServerBasicApplication.class, FixedHealth.class}
      : new Class<?>[] {NacosServerBasicApplication.class};
    var core = new SpringApplicationBuilder(sources).web(WebApplicationType.NONE).banner((e, c, o) -> {}).run(args);
    NacosStartUpManager.start(NacosStartUp.WEB_START_UP_PHASE);
    new SpringApplicationBuilder(NacosServerWebApplication.class).parent(core).banner((e, c, o) -> {}).run(args);
  }

  /** The persistent service, not the ephemeral one of the same name, is what the health is written to. */
  @Primary
  public static class FixedHealth extends HealthOperatorV2Impl {
    private final NamingMetadataManager metadata;
    private final ClientManagerDelegate clients;
    private final ClientOperationServiceProxy operations;

    public FixedHealth(NamingMetadataManager metadata, ClientManagerDelegate clients, ClientOperationServiceProxy operations) {
      super(metadata, clients, operations);
      this.metadata = metadata;
      this.clients = clients;
      this.operations = operations;
    }

    @Override
    public void updateHealthStatusForPersistentInstance(String namespace, String group, String name, String cluster,
        String ip, int port, boolean healthy) throws NacosException {
      var service = Service.newService(namespace, group, name, false);
      var checker = metadata.getServiceMetadata(service).map(found -> found.getClusters().get(cluster))
        .map(found -> found.getHealthyCheckType()).orElse("");
      if (!checker.equals("NONE"))
        throw new NacosException(NacosException.INVALID_PARAM, String.format(
          "health check is still working, service: %s@@%s, cluster: %s", group, name, cluster));
      var id = IpPortBasedClient.getClientId(ip + ":" + port, false);
      var client = clients.getClient(id);
      var known = client == null ? null : client.getInstancePublishInfo(service);
      if (known == null) return;
      var instance = InstanceUtil.parseToApiInstance(service, known);
      instance.setHealthy(healthy);
      operations.registerInstance(service, instance, id);
    }
  }
}

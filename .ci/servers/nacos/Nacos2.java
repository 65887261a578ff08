import com.alibaba.nacos.common.model.RestResult;
import com.alibaba.nacos.common.model.RestResultUtils;
import com.alibaba.nacos.core.code.ControllerMethodsCache;
import com.alibaba.nacos.core.namespace.model.Namespace;
import com.alibaba.nacos.core.service.NamespaceOperationService;
import com.alibaba.nacos.sys.filter.NacosTypeExcludeFilter;
import java.util.List;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.AutoConfigurationExcludeFilter;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.TypeExcludeFilter;
import org.springframework.boot.web.servlet.ServletComponentScan;
import org.springframework.context.annotation.ComponentScan;
import org.springframework.context.annotation.FilterType;
import org.springframework.context.annotation.Import;
import org.springframework.scheduling.annotation.EnableScheduling;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/**
 * Starts a Nacos 2 of its library jars, for tests. The jar of the console, in which the official main class lies, is not
 * published: what it does for the others, and its two calls that list and make namespaces, are here.
 */
@SpringBootApplication
@ComponentScan(
    basePackages = "com.alibaba.nacos",
    excludeFilters = {
      @ComponentScan.Filter(type = FilterType.CUSTOM, classes = NacosTypeExcludeFilter.class),
      @ComponentScan.Filter(type = FilterType.CUSTOM, classes = TypeExcludeFilter.class),
      @ComponentScan.Filter(type = FilterType.CUSTOM, classes = AutoConfigurationExcludeFilter.class)
    })
@ServletComponentScan("com.alibaba.nacos")
@EnableScheduling
@Import(Nacos2.Console.class)
public class Nacos2 {
  public static void main(String[] args) {
    SpringApplication.run(Nacos2.class, args);
  }

  @RestController
  public static class Console {
    private final NamespaceOperationService namespaces;

    public Console(NamespaceOperationService namespaces, ControllerMethodsCache methods) {
      this.namespaces = namespaces;
      // Without this the naming API answers 501 to everything.
      methods.initClassMethod("com.alibaba.nacos.core.controller");
      methods.initClassMethod("com.alibaba.nacos.naming.controllers");
    }

    @GetMapping("/v1/console/namespaces")
    public RestResult<List<Namespace>> list() {
      return RestResultUtils.success(namespaces.getNamespaceList());
    }

    @PostMapping("/v1/console/namespaces")
    public boolean create(
        @RequestParam("customNamespaceId") String id, @RequestParam("namespaceName") String name)
        throws Exception {
      return namespaces.createNamespace(id, name, name);
    }
  }
}

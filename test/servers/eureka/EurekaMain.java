import com.netflix.eureka.registry.AbstractInstanceRegistry;
import com.netflix.eureka.registry.PeerAwareInstanceRegistry;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.cloud.netflix.eureka.server.EnableEurekaServer;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** A Eureka server as Spring Cloud has it; everything else is said in properties on the command line. */
@EnableAutoConfiguration
@EnableEurekaServer
@Import(EurekaMain.Time.class)
public class EurekaMain {
  public static void main(String[] arguments) {
    SpringApplication.run(EurekaMain.class, arguments);
  }

  /** What an hour does: the server's memory of overrides ends an hour after its last use, and no setting shortens that. */
  @RestController
  public static class Time {
    private final PeerAwareInstanceRegistry registry;

    Time(PeerAwareInstanceRegistry registry) {
      this.registry = registry;
    }

    /** Answers the override that was forgotten. */
    @PostMapping("/test/an-hour-later")
    String anHourLater(@RequestParam("id") String id) throws ReflectiveOperationException {
      var field = AbstractInstanceRegistry.class.getDeclaredField("overriddenInstanceStatusMap");
      field.setAccessible(true);
      return String.valueOf(((Map<?, ?>) field.get(registry)).remove(id));
    }
  }
}

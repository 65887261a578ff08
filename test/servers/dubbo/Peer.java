package sonde;

import java.util.Map;
import java.util.TreeMap;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/**
 * A real provider or consumer of Dubbo, for the tests of the registry zookeeper.
 *
 *   provider ZOOKEEPER PORT REGISTER_MODE     says "ready"
 *   consumer ZOOKEEPER MIGRATION_STEP         says "ready", then again and again who answered 200 calls: {a=103, b=97}
 */
public class Peer {
    public static void main(String[] args) throws Exception {
        boolean provides = args[0].equals("provider");
        ApplicationConfig application = new ApplicationConfig(provides ? "shop" : "shopper");
        application.setQosEnable(false);
        application.setLogger("slf4j");
        DubboBootstrap dubbo = DubboBootstrap.newInstance();
        dubbo.application(application).registry(new RegistryConfig("zookeeper://" + args[1]));
        if (provides) provide(dubbo, application, Integer.parseInt(args[2]), args[3]);
        else consume(dubbo, args[2]);
    }

    private static void provide(DubboBootstrap dubbo, ApplicationConfig application, int port, String mode)
            throws Exception {
        application.setRegisterMode(mode);
        ServiceConfig<Greeting> service = new ServiceConfig<>();
        service.setInterface(Greeting.class);
        service.setVersion("1.0.0");
        service.setGroup("g");
        // A provider that has just started would get less for ten minutes.
        service.setWarmup(1);
        service.setRef(() -> "p" + port);
        dubbo.protocol(new ProtocolConfig("dubbo", port)).service(service).start();
        System.out.println("ready");
        Thread.currentThread().join();
    }

    private static void consume(DubboBootstrap dubbo, String step) throws Exception {
        System.setProperty("dubbo.application.service-discovery.migration", step);
        ReferenceConfig<Greeting> reference = new ReferenceConfig<>();
        reference.setInterface(Greeting.class);
        reference.setVersion("1.0.0");
        reference.setGroup("g");
        reference.setCheck(false);
        reference.setRetries(0);
        reference.setTimeout(2000);
        dubbo.reference(reference).start();
        Greeting greeting = reference.get();
        System.out.println("ready");
        for (;;) {
            Map<String, Integer> answers = new TreeMap<>();
            for (int i = 0; i < 200; i++) answers.merge(call(greeting), 1, Integer::sum);
            System.out.println(answers);
            Thread.sleep(300);
        }
    }

    private static String call(Greeting greeting) {
        try {
            return greeting.who();
        } catch (RuntimeException e) {
            return "error";
        }
    }
}

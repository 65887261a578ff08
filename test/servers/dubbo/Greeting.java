package sonde;

/** What the peers of a test serve and call. */
public interface Greeting {
    /** The name of the provider that answers. */
    String who();
}

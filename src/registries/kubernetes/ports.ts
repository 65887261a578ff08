/** Which of the ports of a slice or a Pod is looked at, and how the others are told. Pure. */

type Port = { readonly name?: string | undefined; readonly port?: number | undefined };

/** `wanted` is a name or the number itself; without it, the first. */
export function portOf(ports: readonly Port[], wanted: string | number | undefined): number | undefined {
  if (typeof wanted === 'number') return wanted;
  return (wanted === undefined ? ports[0] : ports.find(({ name }) => name === wanted))?.port;
}

/** `port.metrics: "9090"`: for checks that look at another one than the rest. */
export function portsAsMetadata(ports: readonly Port[]): Record<string, string> {
  return Object.fromEntries(
    ports.flatMap(({ name = '', port }) =>
      name === '' || port === undefined ? [] : [[`port.${name}`, String(port)]],
    ),
  );
}

/** Host and port as one text, as URLs have it. */

/** `10.0.0.1:80`, `name:80`, `[::1]:80`. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A proxy on loopback that treats what a server answers as a test wants it: slowly, by halves, wrongly, not at all. */

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What becomes of a chunk on its way to the client; undefined: it never arrives. */
export type Answer = (chunk: Buffer) => Buffer | undefined | Promise<Buffer>;

export class AnswerProxy {
  readonly port: number;
  /** How answers are treated now. */
  answer: Answer = (chunk) => chunk;
  readonly #sockets = new Set<Socket>();
  #cut = false;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(scope: AsyncDisposableStack, target: number): Promise<AnswerProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const proxy = new AnswerProxy((server.address() as AddressInfo).port);
    server.on('connection', (client) => proxy.#join(client, target));
    scope.defer(async () => {
      proxy.cut();
      await new Promise((resolve) => server.close(resolve));
    });
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Ends all connections and takes no new ones, until healed. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  heal(): void {
    this.#cut = false;
  }

  #join(client: Socket, target: number): void {
    if (this.#cut) {
      client.destroy();
      return;
    }
    const server = connect(target, '127.0.0.1');
    let order = Promise.resolve();
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => one.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
    client.on('data', (chunk) => server.write(chunk));
    server.on('data', (chunk: Buffer) => {
      order = order.then(async () => {
        const passed = await this.answer(chunk);
        if (passed !== undefined && client.writable) client.write(passed);
      });
    });
  }
}

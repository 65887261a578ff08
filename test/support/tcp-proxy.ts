/** A proxy on loopback that lets connections through, keeps new ones waiting, freezes those that are there, or cuts them. */

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export class TcpProxy {
  readonly #target: number;
  readonly #pairs = new Set<{ readonly near: Socket; far: Socket | undefined }>();
  #held = false;
  port = 0;

  private constructor(target: number) {
    this.#target = target;
  }

  static async start(scope: AsyncDisposableStack, target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    const server = createServer((near) => proxy.#accept(near));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    scope.defer(() => {
      proxy.cut();
      server.close();
    });
    proxy.port = (server.address() as AddressInfo).port;
    return proxy;
  }

  /** Breaks all connections off. */
  cut(): void {
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far?.destroy();
    }
    this.#pairs.clear();
  }

  /** New connections are accepted, and nothing else. */
  hold(): void {
    this.#held = true;
  }

  /** Those that were held go on. */
  release(): void {
    this.#held = false;
    for (const pair of this.#pairs) if (pair.far === undefined) this.#join(pair);
  }

  /** Connections that are there stay, and nothing comes through any more; new ones are as ever. */
  freeze(): void {
    for (const { near, far } of this.#pairs) {
      near.unpipe();
      far?.unpipe();
      near.pause();
      far?.pause();
    }
  }

  #accept(near: Socket): void {
    const pair = { near, far: undefined };
    this.#pairs.add(pair);
    near.on('error', () => undefined);
    near.on('close', () => this.#pairs.delete(pair));
    if (this.#held) near.pause();
    else this.#join(pair);
  }

  #join(pair: { readonly near: Socket; far: Socket | undefined }): void {
    const far = connect(this.#target, '127.0.0.1');
    pair.far = far;
    far.on('error', () => pair.near.destroy());
    far.on('close', () => pair.near.destroy());
    pair.near.on('close', () => far.destroy());
    pair.near.pipe(far);
    far.pipe(pair.near);
  }
}

import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/app/system-clock.ts';

const forever = new AbortController().signal;

function holdUp(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe('a deadline of the system clock', () => {
  it('lets what arrived during a stall speak first', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const heard: string[] = [];
    // A plain timer of the same length is over before the connection is seen: that is what the deadline heals.
    setTimeout(() => heard.push('timer'), 50);
    using deadline = systemClock.deadline(50, forever);
    deadline.signal.addEventListener('abort', () => heard.push('deadline'));
    const socket = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
    socket.once('connect', () => heard.push('connected'));
    // The connection is under way by then, and complete long before the loop turns again.
    process.nextTick(() => holdUp(200));
    await expect.poll(() => heard, { timeout: 5_000 }).toEqual(['timer', 'connected', 'deadline']);
    expect(deadline.expired).toBe(true);
    socket.destroy();
    server.close();
  });

  it('ends with its parent, and is not expired then', () => {
    const parent = new AbortController();
    using deadline = systemClock.deadline(60_000, parent.signal);
    parent.abort(new Error('over'));
    expect(deadline.signal.aborted).toBe(true);
    expect(deadline.expired).toBe(false);
    using late = systemClock.deadline(60_000, parent.signal);
    expect(late.signal.aborted).toBe(true);
  });

  it('that is disposed never comes', async () => {
    let aborted = false;
    {
      using deadline = systemClock.deadline(20, forever);
      deadline.signal.addEventListener('abort', () => {
        aborted = true;
      });
    }
    await systemClock.sleep(60, forever);
    expect(aborted).toBe(false);
  });
});

/** Cursors: where in the order of a list a page ended, written so that nobody is tempted to make one. */

import type { InstancePlace, ServicePlace } from '../board/place.ts';

type Part = string | number;

export function encodeCursor(parts: readonly Part[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

export function instanceCursor({ registry, namespace, service, host, port, id }: InstancePlace): string {
  return encodeCursor([registry, namespace, service, host, port, id]);
}

export function serviceCursor({ registry, namespace, service }: ServicePlace): string {
  return encodeCursor([registry, namespace, service]);
}

/** Undefined where the text is no cursor of this list. */
export function decodeInstanceCursor(text: string): InstancePlace | undefined {
  const [registry, namespace, service, host, port, id, ...rest] = decode(text);
  if (typeof registry !== 'string' || typeof namespace !== 'string' || typeof service !== 'string')
    return undefined;
  if (typeof host !== 'string' || typeof port !== 'number' || typeof id !== 'string') return undefined;
  return rest.length > 0 ? undefined : { registry, namespace, service, host, port, id };
}

export function decodeServiceCursor(text: string): ServicePlace | undefined {
  const [registry, namespace, service, ...rest] = decode(text);
  if (typeof registry !== 'string' || typeof namespace !== 'string' || typeof service !== 'string')
    return undefined;
  return rest.length > 0 ? undefined : { registry, namespace, service };
}

/** Id of an event. */
export function decodeEventCursor(text: string): string | undefined {
  const [id, ...rest] = decode(text);
  return typeof id === 'string' && /^[0-9]+$/.test(id) && rest.length === 0 ? id : undefined;
}

function decode(text: string): readonly unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    return Array.isArray(parts) ? parts : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

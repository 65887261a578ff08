import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ProbePlugin } from '../../src/core/probe.ts';
import { httpProbe } from '../../src/probes/http.ts';
import { scriptProbe } from '../../src/probes/script.ts';
import { tcpProbe } from '../../src/probes/tcp.ts';

describe('the options of probes', () => {
  it.each<[string, ProbePlugin<never> | ProbePlugin]>([
    ['tcp', tcpProbe],
    ['http', httpProbe],
    ['script', scriptProbe],
  ])('of %s have a JSON Schema in which every property is described', (name, plugin) => {
    expect(plugin.name).toBe(name);
    if (!(plugin.options instanceof z.ZodType)) throw new Error('not a schema of zod');
    const schema = z.toJSONSchema(plugin.options, { io: 'input' });
    const properties = Object.entries(schema.properties ?? {});
    expect(properties.length).toBeGreaterThan(5);
    for (const [key, property] of properties)
      expect([key, typeof property === 'object' && property.description]).toEqual([key, expect.any(String)]);
  });
});

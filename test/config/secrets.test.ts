import { describe, expect, it } from 'vitest';
import { formatProblems, PROBLEM_FORMATS } from '../../src/config/format.ts';
import { HEAD, load } from '../support/config-bench.ts';

const SECRET = 'hunter2hunter2';
const env = { SECRET };

/** Everything that is ever told of a configuration that does not hold. */
async function told(text: string): Promise<string> {
  const result = await load(text, { env, readFile: () => Promise.resolve(`${SECRET}\n`) });
  if (result.ok) expect.fail('it was taken');
  const formats = PROBLEM_FORMATS.map((format) =>
    formatProblems(format, result.problems, result.texts, { colour: false, columns: 120 }),
  );
  return [...formats, JSON.stringify(result)].join('\n');
}

const probe = (options: string) =>
  `${HEAD}checks:\n  - name: web\n    interval: 5\n    probe: { kind: http, ${options} }\n`;

describe('a secret', () => {
  it.each([
    ['written beside a mistake', probe(`auth: { basic: { username: 7, password: ${SECRET} } }`)],
    ['written in quotes', probe(`auth: { basic: { username: 7, password: "${SECRET}" } }`)],
    ['of the wrong type', probe(`auth: { bearer: { token: [${SECRET}] } }`)],
    ['behind an anchor', `${HEAD}x-p: &p ${SECRET}\nx-a: { password: *p }\nchecks: 7\n`],
    ['in a block', `${HEAD}x-a:\n  password: |\n    ${SECRET}\n  interval: 5\nchecks: 7\n`],
    ['as a default', probe(`auth: { basic: { password: "\${env:NONE:-${SECRET}}" } }`)],
    ['from the environment', probe('method: "${env:SECRET} "')],
    ['from a file', probe('method: "${file:/s} "')],
    ['as a kind', `${HEAD}checks:\n  - { name: web, probe: { kind: "\${env:SECRET}" } }\n`],
    ['as a rule', `${HEAD}checks:\n  - { name: web, probe: { kind: tcp }, rule: "\${env:SECRET}" }\n`],
    [
      'as a registry',
      `${HEAD}checks:\n  - { name: web, probe: { kind: tcp }, match: { registry: "\${env:SECRET}" } }\n`,
    ],
    [
      'as a duration',
      `${HEAD}checks:\n  - { name: web, probe: { kind: tcp }, interval: "\${env:SECRET}" }\n`,
    ],
    ['in an expression', probe('expect: { body: { regex: "(${env:SECRET}" } }')],
    ['in a template', probe('path: "/${instance.${env:SECRET}}"')],
    ['in an anchor', `${HEAD}localHealth: { anchors: ["http://me:${SECRET}@10.0.0.1/"] }\n`],
    ['of a webhook', `${HEAD}webhooks:\n  - { name: 7, url: "http://h", secret: [a, ${SECRET}] }\n`],
    ['in a header', `${HEAD}webhooks:\n  - { name: 7, url: "http://h", headers: { X-Odd: ${SECRET} } }\n`],
    ['in the URL of a webhook', `${HEAD}webhooks:\n  - { name: 7, url: "http://me:${SECRET}@h/" }\n`],
    ['in a header of a probe', probe(`headers: { Authorization: "Bearer ${SECRET}" }, x: 1`)],
    ['in the file of a webhook', `${HEAD}webhooks:\n  - { name: 7, url: "http://h", secretFile: s }\n`],
    ['in a text that is not YAML', `${HEAD}x-a: { password: ${SECRET}, b: [ }\n`],
    ['in quotes in a text that is not YAML', `${HEAD}x-a:\n  apiKey: "${SECRET}"\n  b: [ }\n`],
    ['under a mistyped key', `${HEAD}webhooks:\n  - { name: 7, url: "http://h", secert: ${SECRET} }\n`],
    ['under a mistyped key in a text that is not YAML', `${HEAD}x-a: { apiTokne: ${SECRET}, b: [ }\n`],
    ['in a header in a text that is not YAML', `${HEAD}x-a: { headers: { A: 1, X-Odd: ${SECRET} }, b: [ }\n`],
    ['in an address in a text that is not YAML', `${HEAD}x-a: ["http://me:${SECRET}@h/", b: [ }\n`],
    ['in a URL in a text that is not YAML', `${HEAD}x-a: { url: http://h/${SECRET}, b: [ }\n`],
    ['in a quote that does not end', `${HEAD}x-a:\n  token: "${SECRET}\n`],
  ])('%s is never shown', async (_, text) => {
    const output = await told(text);
    expect(output).toMatch(/SND\d{4}/);
    expect(output).not.toContain('hunter2');
  });

  it('leaves what is no secret readable', async () => {
    const output = await told(probe(`auth: { basic: { username: 7, password: ${SECRET} } }`));
    expect(output).toContain(`username: 7, password: ${'*'.repeat(SECRET.length)} }`);
    const file = await told(probe('auth: { basic: { username: 7, passwordFile: /run/pw } }'));
    expect(file).toContain('passwordFile: /run/pw');
    const reference = await told(probe('auth: { basic: { username: 7, password: "${env:SECRET}" } }'));
    expect(reference).toContain('password: "${env:SECRET}"');
  });
});

/** What an answer of the apiserver that is no success means. Pure. */

import { z } from 'zod';
import type { RegistryErrorCode } from '../../core/registry.ts';

export interface Failure {
  readonly code: RegistryErrorCode;
  readonly message: string;
}

const status = z.looseObject({
  kind: z.literal('Status'),
  message: z.string().default(''),
  reason: z.string().default(''),
});

/** By HTTP status, as apimachinery's StatusReason documents them; the body says why in words. */
export function failureOf(httpStatus: number, text: string): Failure {
  const said = status.safeParse(parsed(text)).data;
  const message = said === undefined || said.message === '' ? `HTTP status ${httpStatus}` : said.message;
  return { code: codeOf(httpStatus), message };
}

export function codeOf(httpStatus: number): RegistryErrorCode {
  switch (httpStatus) {
    case 401:
      return 'unauthorised';
    case 403:
      return 'forbidden';
    // A kind that this apiserver does not have: a server older than discovery.k8s.io/v1 (1.21).
    case 404:
      return 'unsupported';
    case 409:
    case 410:
      return 'conflict';
    case 429:
      return 'overloaded';
    default:
      return httpStatus >= 500 ? 'unreachable' : 'protocol';
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

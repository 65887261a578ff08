/** Entity tags (RFC 9110, 8.8.3): who has what is told already is spared it. */

import { createHash } from 'node:crypto';
import { type ApiRequest, type ApiResponse, header } from './message.ts';

/** The answer with its tag, or 304 where the caller has just that. Only whole answers of the read model have tags. */
export function unlessKnown(request: ApiRequest, answer: ApiResponse): ApiResponse {
  const { status, headers, body } = answer;
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (!isRead || status !== 200 || typeof body !== 'string' || !request.target.startsWith('/v1/'))
    return answer;
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  // May be kept, and must be asked for again each time.
  const tagged = { ...headers, etag, 'cache-control': 'private, no-cache' };
  if (!knows(header(request, 'if-none-match'), etag)) return { status, headers: tagged, body };
  return { status: 304, headers: { etag, 'cache-control': tagged['cache-control'] }, body: '' };
}

/** Weak comparison, as If-None-Match wants it. */
function knows(sent: string | undefined, etag: string): boolean {
  const tags = sent?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  return tags.some((tag) => tag === etag || tag === '*');
}

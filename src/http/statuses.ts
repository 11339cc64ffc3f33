/** Statuses of refusals that a route can have by what it is, so that none is written at each of them. */
import type { RouteConfig } from '@hono/zod-openapi'
import { problemSchema } from './schemas.ts'

const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: problemSchema } },
})

const SEEN = '304'

/** Those of the route itself go before. */
export function statusesOf(
  { kind }: { readonly kind: string },
  { method, path, request = {} }: Pick<RouteConfig, 'method' | 'path' | 'request'>,
): RouteConfig['responses'] {
  const asks = request.body ?? request.params ?? request.query
  const isPrivate = kind === 'scope' || kind === 'self'
  const changes = method !== 'get' && kind !== 'file'
  return {
    ...(method === 'get' &&
      path.startsWith('/v1/') && { [SEEN]: { description: 'As `If-None-Match` has it; without a body' } }),
    ...((asks || changes) && { 400: problem('The request cannot be understood') }),
    ...(isPrivate && { 401: problem('Credentials are needed, or these are wrong') }),
    ...((isPrivate || changes) && {
      403: problem('These credentials do not allow that, or a page of another site asks'),
    }),
    ...(request.params && { 404: problem('There is no such thing') }),
    ...(method === 'post' &&
      request.headers && { 409: problem('There is one already, or the request under the key is under way') }),
    ...(changes && { 412: problem('`If-Match` does not hold') }),
    ...(request.body && {
      408: problem('The body took too long'),
      413: problem('The body is too large'),
      415: problem('The body is not JSON'),
    }),
    ...(asks && { 422: problem('A field does not hold what it may') }),
    429: problem('Too many requests; again after `Retry-After`'),
    // Of the runtime, which reads no more than 16 kB of it.
    431: { description: 'The request line and its headers are too long; without a body' },
    500: problem('A fault of the server, which its log tells of'),
    ...(changes && { 503: problem('Too much waits, or this needs a server that runs') }),
    default: problem('A problem (RFC 9457)'),
  }
}

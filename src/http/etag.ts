/**
 * Entity tags (RFC 9110 §8.8.3, §13.1): a hash of what a GET shows. If-None-Match spares the answer; If-Match refuses a
 * change of what is not any more as its author has seen it, judged in the trip of the change.
 */
import { createHash } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import type { AppEnv, Ctx } from './context.ts'
import { takesMatch } from './policy.ts'
import { HttpError } from './problem.ts'

const tagOf = (body: string | Uint8Array): string =>
  `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`

const tags = (header: string): string[] => header.split(',').map((tag) => tag.trim().replace(/^W\//, ''))

export const entityTags: MiddlewareHandler<AppEnv> = async (c, next) => {
  const { method, path } = c.req
  if (!path.startsWith('/v1/')) return next()
  const isRead = method === 'GET' || method === 'HEAD'
  if (!isRead && c.req.header('if-match') !== undefined && !takesMatch(c))
    throw new HttpError(412, 'no-etag-here', 'What this changes has no ETag. Leave If-Match out.')
  await next()
  const type = c.res.headers.get('content-type') ?? ''
  if (!isRead || c.res.status !== 200 || !type.startsWith('application/json')) return undefined
  const etag = tagOf(new Uint8Array(await c.res.clone().arrayBuffer()))
  const known = c.req.header('if-none-match')
  if (known !== undefined && (known.trim() === '*' || tags(known).includes(etag))) {
    // RFC 9110 §15.4.5: without what describes a body that is not there.
    c.res = new Response(null, { status: 304, headers: c.res.headers })
    c.res.headers.delete('content-type')
    c.res.headers.delete('content-length')
  }
  c.res.headers.set('etag', etag)
  return undefined
}

/** Within the trip of a change, before it: `current` is what a GET would show. @throws HttpError 412 */
export function checkMatch(c: Ctx, current: unknown): void {
  const wanted = c.req.header('if-match')
  if (wanted === undefined || wanted.trim() === '*' || tags(wanted).includes(tagOf(JSON.stringify(current))))
    return
  throw new HttpError(412, 'changed', 'It has changed since: read it again.')
}

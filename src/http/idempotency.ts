/**
 * Idempotency-Key: a program that did not hear the answer to a POST asks again with the same key and gets that answer; what
 * it made is made once. The answer is written in the trip that makes it, so that who has an answer has it for good.
 */
import type { MiddlewareHandler } from 'hono'
import type { AppEnv, Ctx, Principal } from './context.ts'
import { takesKey } from './policy.ts'
import { HttpError } from './problem.ts'

export function idempotency(): MiddlewareHandler<AppEnv> {
  const underWay = new Set<string>()
  return async (c, next) => {
    const key = c.req.method === 'POST' ? c.req.header('idempotency-key') : undefined
    if (key === undefined) return next()
    // A program that believes itself safe where it is not must hear of it.
    if (!takesKey(c)) throw new HttpError(400, 'no-key-here', 'This request takes no Idempotency-Key.')
    const { deps } = c.var
    const keyed = await requestOf(c, key)
    const { limits } = deps.world.config
    const known = deps.world.store.answers.find(keyed, deps.world.now() - limits.idempotency_keep)
    if (known === 'other')
      throw new HttpError(422, 'key-reused', 'Another request was made under that Idempotency-Key.')
    if (known) {
      c.header('idempotency-replayed', 'true')
      return c.json(JSON.parse(known.body), known.status as 200)
    }
    const mark = JSON.stringify([keyed.actor, keyed.route, key])
    if (underWay.has(mark))
      throw new HttpError(409, 'key-under-way', 'The request under that Idempotency-Key is not done yet.')
    underWay.add(mark)
    try {
      c.set('deps', {
        ...deps,
        keep: (t, status, answer) =>
          t.store.answers.keep(
            keyed,
            { status, body: JSON.stringify(answer) },
            t.now,
            limits.idempotency_keys,
          ),
      })
      await next()
    } finally {
      underWay.delete(mark)
    }
    return undefined
  }
}

async function requestOf(c: Ctx, key: string) {
  const { pathname, search } = new URL(c.req.url)
  const body = new Uint8Array(await c.req.arrayBuffer())
  return {
    actor: actorOf(c.get('principal')),
    key,
    route: `POST ${pathname}`,
    request: Buffer.concat([Buffer.from(`${search}\n`), body]),
  }
}

/** Name of who asks, by which keys are told apart. */
export function actorOf(principal: Principal): string {
  if (principal.kind === 'token') return `token ${principal.id}`
  return principal.kind === 'account' ? principal.jid : principal.kind
}

/** The HTTP application of a play: what an app asks it beside its XMPP session. */
import { createApp } from '../../src/http/app.ts'
import type { HttpDeps } from '../../src/http/deps.ts'
import { AuthLimiter, neverBanned } from '../../src/limits/auth-limiter.ts'
import { PASSWORD } from './actor.ts'
import type { Play } from './world.ts'

export interface Answered {
  readonly status: number
  readonly body: Record<string, unknown>
}

export type Asks = (
  method: string,
  path: string,
  body?: unknown,
  jid?: string,
  more?: { readonly headers?: Readonly<Record<string, string>>; readonly raw?: string },
) => Promise<Answered>

/** `jid`: as that account; without it as the operator. */
/** `more`: parts that a server has beside those of every play. */
export function doorOf({ world, router, clock, config }: Play, more: Partial<HttpDeps> = {}): Asks {
  const app = createApp({
    world,
    router,
    logins: new AuthLimiter(clock, config.limits, neverBanned(config)),
    clock,
    pushTarget: () => '',
    online: true,
    readiness: async () => [],
    ...more,
  })
  return async (method, path, body, jid, { headers: others = {}, raw } = {}) => {
    const headers = new Headers({ host: 'bix.org', ...others })
    if (jid !== undefined)
      headers.set('authorization', `Basic ${Buffer.from(`${jid}:${PASSWORD}`).toString('base64')}`)
    const text = raw ?? (body === undefined ? undefined : JSON.stringify(body))
    if (text !== undefined) headers.set('content-type', 'application/json')
    const init = { method, headers, ...(text === undefined ? {} : { body: text }) }
    const peer =
      jid === undefined
        ? ({ kind: 'socket' } as const)
        : ({ kind: 'tcp', address: '127.0.0.1', tls: false } as const)
    const answer = await app.fetch(new Request(`http://bix.org${path}`, init), { peer })
    const answered = await answer.text()
    // Every answer of the API is an object.
    return { status: answer.status, body: answered === '' ? {} : (JSON.parse(answered) as Answered['body']) }
  }
}

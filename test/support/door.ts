/** The HTTP application of a play: what an app asks it beside its XMPP session. */
import { createApp } from '../../src/http/app.ts'
import { AuthLimiter, neverBanned } from '../../src/limits/auth-limiter.ts'
import { PASSWORD } from './actor.ts'
import type { Play } from './world.ts'

export interface Answered {
  readonly status: number
  readonly body: Record<string, unknown>
}

export type Asks = (method: string, path: string, body?: unknown, jid?: string) => Promise<Answered>

/** `jid`: as that account; without it as the operator. */
export function doorOf({ world, router, clock, config }: Play): Asks {
  const app = createApp({
    world,
    router,
    logins: new AuthLimiter(clock, config.limits, neverBanned(config)),
    clock,
    pushTarget: () => '',
    online: true,
    readiness: async () => [],
  })
  return async (method, path, body, jid) => {
    const headers = new Headers({ host: 'bix.org' })
    if (jid !== undefined)
      headers.set('authorization', `Basic ${Buffer.from(`${jid}:${PASSWORD}`).toString('base64')}`)
    if (body !== undefined) headers.set('content-type', 'application/json')
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
    const peer =
      jid === undefined
        ? ({ kind: 'socket' } as const)
        : ({ kind: 'tcp', address: '127.0.0.1', tls: false } as const)
    const answer = await app.fetch(new Request(`http://bix.org${path}`, init), { peer })
    const text = await answer.text()
    // Every answer of the API is an object.
    return { status: answer.status, body: text === '' ? {} : (JSON.parse(text) as Answered['body']) }
  }
}

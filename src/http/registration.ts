/** /v1/register: an account made by the app itself, within the limits that in-band registration has too. */
import { createUser } from './accounts.ts'
import { longEnough } from './me.ts'
import * as metrics from '../metrics.ts'
import { type App, open, route } from './policy.ts'
import { HttpError } from './problem.ts'
import { body, jidSchema, json, passwordSchema, z } from './schemas.ts'

export function addRegistration(app: App): void {
  app.openapi(
    route(open, {
      method: 'post',
      path: '/v1/register',
      summary: 'Make an account for oneself',
      request: { body: body(z.strictObject({ jid: jidSchema, password: passwordSchema })) },
      responses: { 201: json('Made', z.object({ jid: z.string() })) },
    }),
    async (c) => {
      const { deps, ip } = c.var
      const { config, registrations } = deps.world
      // The operator's socket has no address; it stands for this machine.
      const address = ip === 'socket' ? '127.0.0.1' : ip
      const refuse = (status: 403 | 429, code: string, detail: string, wait?: number): never => {
        metrics.registrations.labels('http', 'refused').inc()
        throw new HttpError(status, code, detail, wait ? { headers: { 'retry-after': String(wait) } } : {})
      }
      if (!config.registration.http)
        refuse(403, 'registration-closed', 'Accounts are made by the operator here.')
      if (!c.var.secure) refuse(403, 'insecure-transport', 'Register over TLS.')
      if (!registrations.mayRegister(address)) {
        refuse(403, 'address-not-allowed', 'Registration is not open to your address.')
      }
      const { jid, password } = c.req.valid('json')
      longEnough(config.registration.min_password, password)
      const waitNow = () => Math.ceil(registrations.waitFor(address) / 1000)
      const limited = (wait: number) =>
        refuse(429, 'too-soon', `One account per address and interval; try again in ${wait} s.`, wait)
      if (waitNow() > 0) limited(waitNow())
      const made = await createUser(deps, jid, password, (t) => {
        // Again inside the trip: two requests may have derived their keys side by side.
        if (waitNow() > 0) limited(waitNow())
        t.undo(registrations.take(address))
      })
      metrics.registrations.labels('http', 'ok').inc()
      return c.json({ jid: made.jid }, 201)
    },
  )
}

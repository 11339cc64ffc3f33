/** /v1/users/{jid}/export: an account with its keys and messages, in pages, as elements of XEP-0227. */
import { archiveOf, profileOf, waitingOf } from '../accounts/export.ts'
import { accountOf } from './accounts.ts'
import { jidParam, text, whole } from './fields.ts'
import { type App, route, scope } from './policy.ts'
import { json, z } from './schemas.ts'

const query = z.strictObject({
  part: z.enum(['profile', 'offline', 'archive']).default('profile'),
  cursor: text(16)
    .regex(/^[0-9]{1,16}$/, { error: 'this cursor did not come from here' })
    .optional(),
  limit: whole(1, 500).default(200),
})

const page = z
  .object({
    items: z.array(z.string()).openapi({ description: 'XML; for the profile, to be joined as it is.' }),
    next: z.string().nullable(),
  })
  .openapi('ExportPage')

export function addExport(app: App): void {
  app.openapi(
    route(scope('admin'), {
      method: 'get',
      path: '/v1/users/{jid}/export',
      operationId: 'exportUser',
      summary: 'An account with its SCRAM keys and messages, as elements of XEP-0227',
      request: { params: jidParam, query },
      responses: { 200: json('A page', page) },
    }),
    async (c) => {
      const { deps } = c.var
      const { part, cursor, limit } = c.req.valid('query')
      const { store } = deps.world
      const account = accountOf(deps, c.req.valid('param').jid)
      if (part === 'profile') {
        await deps.router.run((t) => t.store.audit.note('account exported', { account: account.jid }))
        return c.json({ items: [...profileOf(store, account)], next: null }, 200)
      }
      const read = part === 'offline' ? waitingOf : archiveOf
      const { items, next } = read(store, account, Number(cursor ?? 0), limit)
      return c.json({ items, next: next === undefined ? null : String(next) }, 200)
    },
  )
}

/** /v1/me/rooms: the rooms of the account itself, and what it has not read in them. */
import { unreadOf } from '../../rooms/unread.ts'
import type { Belonging } from '../../store/room-affiliations.ts'
import { cursorAt, readCursor } from '../cursor.ts'
import type { HttpDeps } from '../deps.ts'
import { cursorSchema, whole } from '../fields.ts'
import { type App, ownJid, route, self } from '../policy.ts'
import { json, z } from '../schemas.ts'
import { unreadSchema } from './members.ts'

/** Rooms of one trip: to count in each is up to a millisecond. */
const COUNTED = 4

const mine = z
  .object({
    jid: z.string(),
    name: z.string(),
    affiliation: z.enum(['owner', 'admin', 'member']),
    nick: z.string().nullable(),
    unread: unreadSchema,
  })
  .openapi('MyRoom')

export function addMyRooms(app: App): void {
  app.openapi(
    route(self, {
      method: 'get',
      path: '/v1/me/rooms',
      operationId: 'listMyRooms',
      summary: 'Rooms that the account belongs to, each with its unread messages',
      request: {
        query: z.strictObject({ cursor: cursorSchema.optional(), limit: whole(1, 100).default(50) }),
      },
      responses: { 200: json('A page', z.object({ items: z.array(mine), next: z.string().nullable() })) },
    }),
    async (c) => {
      const { cursor, limit } = c.req.valid('query')
      const after = cursor === undefined ? '' : readCursor(cursor)
      return c.json(await listMine(c.var.deps, ownJid(c), after, limit), 200)
    },
  )
}

async function listMine(deps: HttpDeps, user: string, after: string, limit: number) {
  const { router } = deps
  const found = await router.run((t) => t.store.roomAffiliations.belonging(user, after, limit + 1))
  const some = found.slice(0, limit)
  const items: z.infer<typeof mine>[] = []
  for (let first = 0; first < some.length; first += COUNTED) {
    const part = some.slice(first, first + COUNTED)
    items.push(
      ...(await router.run((t) =>
        part.map((row) => view(row, unreadOf(t, row.roomId, [{ user, readId: row.readId }])[0] ?? 0)),
      )),
    )
  }
  const last = some.at(-1)
  return { items, next: found.length > limit && last ? cursorAt(last.jid) : null }
}

const view = ({ jid, settings, affiliation, nick }: Belonging, unread: number): z.infer<typeof mine> => ({
  jid,
  name: settings.name,
  affiliation,
  nick,
  unread,
})

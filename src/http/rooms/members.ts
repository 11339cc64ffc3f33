/** /v1/rooms/{jid}/members and /occupants: who belongs to a room, and who is in it. */
import { checkMember, dismiss, place, type Placed, type Wanted } from '../../rooms/members.ts'
import { unreadOf } from '../../rooms/unread.ts'
import type { Trip } from '../../routing/transit.ts'
import { Jid } from '../../xmpp/jid.ts'
import { cursorAt, readCursor } from '../cursor.ts'
import type { HttpDeps } from '../deps.ts'
import { addressSchema, cursorSchema, jidSchema, keyHeader, resourceSchema, text, whole } from '../fields.ts'
import { type App, route, scope } from '../policy.ts'
import { HttpError } from '../problem.ts'
import { body, json, z } from '../schemas.ts'
import { occupantsOf, roomAt } from './find.ts'
import { roomParam } from './schemas.ts'

const read = scope('rooms:read')
const write = scope('rooms:write')
/** Each is some rows of its own, a bookmark and an invitation among them: so many a trip. */
const AT_ONCE = 5
/** `limits.room_occupants` is the most that there are. */
const OCCUPANTS = 2000

const affiliation = z.enum(['owner', 'admin', 'member', 'outcast'])
const nick = resourceSchema
  .optional()
  .openapi({ example: 'Romeo', description: 'Kept for the account in this room; else its name.' })
const reason = text(1000).optional()
export const unreadSchema = z.number().int().openapi({
  description:
    'Messages of others since the last that was read or said, or since the account belongs to the room; counted up to limits.room_unread.',
})

export const newMember = z
  .strictObject({ jid: jidSchema, nick, affiliation: affiliation.default('member') })
  .openapi('NewRoomMember')

export const welcome = {
  bookmark: z.boolean().default(true).openapi({
    description: 'Writes the room to the bookmarks of accounts here, so that apps show and enter it.',
  }),
  invite: z.boolean().default(true).openapi({ description: 'Whoever is new is invited, which rings.' }),
  reason,
}

export const memberSchema = z
  .object({
    jid: z.string(),
    affiliation,
    nick: z.string().nullable(),
    bookmarked: z.boolean(),
    invited: z.boolean(),
  })
  .openapi('PlacedRoomMember')

const listed = z
  .object({
    jid: z.string(),
    affiliation,
    nick: z.string().nullable(),
    reason: z.string().nullable(),
    unread: unreadSchema,
  })
  .openapi('RoomMember')

interface Asked {
  readonly jid: string
  readonly nick?: string | undefined
  readonly affiliation: Wanted['affiliation']
}
type Welcome = Pick<Wanted, 'bookmark' | 'invite' | 'reason'>

export const wantedOf = ({ jid, ...rest }: Asked, { bookmark, invite, reason: why }: Welcome): Wanted => ({
  ...rest,
  user: Jid.parse(jid),
  bookmark,
  invite,
  reason: why,
})

/** @throws HttpError, StanzaError, before anything is written */
export function checkAll(t: Trip, members: readonly Wanted[]): void {
  const seen = new Set<string>()
  for (const member of members) {
    const { bare } = member.user
    if (seen.has(bare)) throw new HttpError(422, 'twice', `${bare} is there twice.`)
    seen.add(bare)
    checkMember(t, member)
  }
}

/** One trip after the other; who was placed before one fails stays so, and may be asked for again. */
export async function placeAll(
  { router, keep }: Pick<HttpDeps, 'router' | 'keep'>,
  room: string,
  members: readonly Asked[],
  how: Welcome,
): Promise<z.infer<typeof memberSchema>[]> {
  const placed: Placed[] = []
  const view = () => placed.map(({ user, ...rest }) => ({ jid: user, ...rest }))
  for (let first = 0; first < members.length; first += AT_ONCE) {
    const some = members.slice(first, first + AT_ONCE)
    const isLast = first + AT_ONCE >= members.length
    await router.run((t) => {
      placed.push(...some.map((one) => place(t, roomAt(t, room), wantedOf(one, how))))
      if (isLast) keep?.(t, 200, { items: view() })
    })
  }
  return view()
}

const memberParam = roomParam.extend({
  user: addressSchema.openapi({
    param: { name: 'user', in: 'path' },
    description: 'An account, or a domain that is banned as a whole',
    example: 'harttle@bix.org',
  }),
})

export function addRoomMembers(app: App): void {
  addMemberLists(app)
  app.openapi(
    route(write, {
      method: 'post',
      path: '/v1/rooms/{jid}/members',
      operationId: 'addRoomMembers',
      summary: 'Add accounts to a room, or change how they stand to it',
      description:
        'All are checked first; one that is wrong changes nothing. Sent again, nobody is rung again.',
      request: {
        headers: keyHeader,
        params: roomParam,
        body: body(z.strictObject({ members: z.array(newMember).min(1).max(1000), ...welcome })),
      },
      responses: { 200: json('Placed', z.object({ items: z.array(memberSchema) })) },
    }),
    async (c) => {
      const { deps } = c.var
      const { jid } = c.req.valid('param')
      const { members, ...how } = c.req.valid('json')
      await deps.router.run((t) => {
        roomAt(t, jid)
        checkAll(
          t,
          members.map((member) => wantedOf(member, how)),
        )
      })
      return c.json({ items: await placeAll(deps, jid, members, how) }, 200)
    },
  )
  app.openapi(
    route(write, {
      method: 'put',
      path: '/v1/rooms/{jid}/members/{user}',
      operationId: 'putRoomMember',
      summary: 'Add one account, or change its affiliation or nick',
      request: {
        params: memberParam,
        body: body(z.strictObject({ affiliation: affiliation.default('member'), nick, ...welcome })),
      },
      responses: { 200: json('Placed', memberSchema) },
    }),
    async (c) => {
      const { jid, user } = c.req.valid('param')
      const { bookmark, invite, reason: why, ...rest } = c.req.valid('json')
      const how = { bookmark, invite, reason: why }
      const [placed] = await placeAll(c.var.deps, jid, [{ jid: user, ...rest }], how)
      if (!placed) throw new Error('a member that was placed is not there')
      return c.json(placed, 200)
    },
  )
  app.openapi(
    route(write, {
      method: 'delete',
      path: '/v1/rooms/{jid}/members/{user}',
      operationId: 'removeRoomMember',
      summary: 'Take an account out of a room, or a ban away',
      request: {
        params: memberParam,
        query: z.strictObject({
          reason,
          tell: z
            .enum(['true', 'false'])
            .optional()
            .openapi({ description: 'Whether the person is told; else as [muc] tell_removed says.' }),
        }),
      },
      responses: { 204: { description: 'Done' } },
    }),
    async (c) => {
      const { jid, user } = c.req.valid('param')
      const { reason: why, tell } = c.req.valid('query')
      const removed = await c.var.deps.router.run((t) => {
        const tells = tell === undefined ? undefined : tell === 'true'
        return dismiss(t, roomAt(t, jid), Jid.parse(user), 'none', { reason: why, tells })
      })
      if (!removed) throw new HttpError(404, 'no-such-member', `${user} does not belong to ${jid}.`)
      return c.body(null, 204)
    },
  )
}

function addMemberLists(app: App): void {
  app.openapi(
    route(read, {
      method: 'get',
      path: '/v1/rooms/{jid}/members',
      operationId: 'listRoomMembers',
      summary: 'List who belongs to a room, and who is banned from it',
      request: {
        params: roomParam,
        query: z.strictObject({
          affiliation: affiliation.optional(),
          cursor: cursorSchema.optional(),
          limit: whole(1, 500).default(100),
        }),
      },
      responses: { 200: json('A page', z.object({ items: z.array(listed), next: z.string().nullable() })) },
    }),
    async (c) => c.json(await listMembers(c.var.deps, c.req.valid('param').jid, c.req.valid('query')), 200),
  )
  const occupant = z.object({
    nick: z.string(),
    jid: z.string(),
    role: z.enum(['moderator', 'participant', 'visitor']),
    affiliation: z.enum([...affiliation.options, 'none']),
    clients: z.number().int(),
  })
  app.openapi(
    route(read, {
      method: 'get',
      path: '/v1/rooms/{jid}/occupants',
      operationId: 'listRoomOccupants',
      summary: 'List who is in a room now',
      request: { params: roomParam },
      responses: { 200: json('Occupants', z.object({ items: z.array(occupant) })) },
    }),
    async (c) => {
      const { jid } = c.req.valid('param')
      const items = await c.var.deps.router.run((t) => occupantsOf(roomAt(t, jid), OCCUPANTS))
      return c.json({ items }, 200)
    },
  )
}

export function listMembers(
  { router }: Pick<HttpDeps, 'router'>,
  jid: string,
  query: {
    readonly affiliation?: Wanted['affiliation'] | undefined
    readonly cursor?: string | undefined
    readonly limit: number
  },
): Promise<{ items: z.infer<typeof listed>[]; next: string | null }> {
  const { affiliation: kind, cursor, limit } = query
  const after = cursor === undefined ? '' : readCursor(cursor)
  return router.run((t) => {
    const { id } = roomAt(t, jid)
    const { roomAffiliations } = t.store
    const found = kind
      ? roomAffiliations.list(id, kind, limit + 1, after)
      : roomAffiliations.all(id, limit + 1, after)
    const some = found.slice(0, limit)
    const unread = unreadOf(t, id, some)
    const last = some.at(-1)
    return {
      items: some.map((row, i) => ({
        jid: row.user,
        affiliation: row.affiliation,
        nick: row.nick,
        reason: row.reason,
        unread: row.affiliation === 'outcast' ? 0 : (unread[i] ?? 0),
      })),
      next: found.length > limit && last ? cursorAt(last.user) : null,
    }
  })
}

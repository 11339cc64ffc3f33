/** /v1/rooms/{jid}/messages: what was said in a room, and what a program says as the room or on behalf of a member. */
import { roomsOf } from '../../rooms/registry.ts'
import type { Room } from '../../rooms/room.ts'
import { distinctNick } from '../../rooms/members.ts'
import { authorOf } from '../../rooms/payload.ts'
import { say, type Speaker } from '../../rooms/say.ts'
import type { Trip } from '../../routing/transit.ts'
import type { RoomMessage } from '../../store/room-archive.ts'
import { Jid } from '../../xmpp/jid.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { readStored } from '../../xmpp/stored.ts'
import { childText, xml } from '../../xmpp/xml.ts'
import { claim } from '../claim.ts'
import { badCursor, cursorAt, readCursor } from '../cursor.ts'
import { cursorSchema, jidSchema, keyHeader, text, whole } from '../fields.ts'
import { type App, route, scope } from '../policy.ts'
import { HttpError } from '../problem.ts'
import { body, iso, json, z } from '../schemas.ts'
import { roomAt } from './find.ts'
import { roomParam } from './schemas.ts'

/** Messages that are read at a time, until a page has its bytes (`limits.archive_page_bytes`). */
const READ = 20

const newMessage = z.strictObject({
  from: jidSchema
    .optional()
    .openapi({ description: 'A member, who need not be in the room; else the room itself speaks.' }),
  body: text(100_000).openapi({ example: 'Two households, both alike in dignity' }),
  id: text(128).optional().openapi({
    description: 'Sent again within a day, it is not said twice; with another message it is refused.',
  }),
})

const said = z
  .object({
    stanza_id: z.string().openapi({ description: 'Its id in the archive (XEP-0359).' }),
    id: z.string().nullable().openapi({ description: 'The id that its sender gave it.' }),
    at: z.string().nullable().openapi({ format: 'date-time' }),
    from: z
      .string()
      .nullable()
      .openapi({ description: 'The account; null: the room itself, or an account that is no more.' }),
    nick: z.string().nullable(),
    body: z.string().nullable(),
    subject: z.string().nullable(),
  })
  .openapi('RoomMessage')

export function addRoomMessages(app: App): void {
  app.openapi(
    route(scope('messages:send'), {
      method: 'post',
      path: '/v1/rooms/{jid}/messages',
      operationId: 'sendRoomMessage',
      summary: 'Say something as a room or on behalf of a member; it is on disk when this answers',
      request: { params: roomParam, headers: keyHeader, body: body(newMessage) },
      responses: { 202: json('Accepted', z.object({ id: z.string() })) },
    }),
    async (c) => {
      const { deps } = c.var
      const { jid } = c.req.valid('param')
      const { from, body: content, id: asked } = c.req.valid('json')
      const id = asked ?? deps.world.random.uuid()
      await deps.router.run((t) => {
        const room = roomAt(t, jid)
        const speaker = from === undefined ? undefined : speakerOf(t, room, Jid.parse(from))
        const isNew = claim(t, { from: from ?? jid, to: jid, id }, ['groupchat', content])
        if (isNew)
          say(t, room, speaker, id, [xml('body', {}, content), xml('origin-id', { xmlns: NS.stanzaId, id })])
        deps.keep?.(t, 202, { id })
      })
      return c.json({ id }, 202)
    },
  )
  app.openapi(
    route(scope('rooms:history'), {
      method: 'get',
      path: '/v1/rooms/{jid}/messages',
      operationId: 'listRoomMessages',
      summary: 'Read what was said in a room, the newest first',
      request: {
        params: roomParam,
        query: z.strictObject({ cursor: cursorSchema.optional(), limit: whole(1, 100).default(50) }),
      },
      responses: { 200: json('A page', z.object({ items: z.array(said), next: z.string().nullable() })) },
    }),
    async (c) => {
      const { jid } = c.req.valid('param')
      const { cursor, limit } = c.req.valid('query')
      const before = cursor === undefined ? undefined : placeOf(cursor)
      return c.json(await c.var.deps.router.run((t) => pageOf(t, roomAt(t, jid), before, limit)), 200)
    },
  )
}

/** @throws HttpError 403 for who does not belong to the room */
function speakerOf(t: Trip, room: Room, user: Jid): Speaker {
  const row = t.store.roomAffiliations.get(room.id, user.bare)
  if (!row || row.affiliation === 'outcast')
    throw new HttpError(403, 'not-a-member', `${user.bare} does not belong to ${room.jid.bare}.`)
  const [here] = room.occupantsOf(user.bare)
  if (here) return here
  const nick = row.nick ?? distinctNick(t, room, user, user.local)
  return { nick, user: user.bare, occupantId: roomsOf(t.world).occupantId(t, room.jid, user.bare) }
}

function placeOf(cursor: string): number {
  const id = Number(readCursor(cursor))
  if (!Number.isSafeInteger(id)) throw badCursor()
  return id
}

function pageOf(t: Trip, room: Room, before: number | undefined, limit: number) {
  const items: z.infer<typeof said>[] = []
  let place = before
  let bytes = 0
  while (items.length < limit) {
    const wanted = Math.min(READ, limit - items.length)
    const found = t.store.roomArchive.page(room.id, { beforeId: place }, wanted, true).reverse()
    for (const row of found) {
      bytes += row.xml.length
      if (items.length > 0 && bytes > t.config.limits.archive_page_bytes)
        return { items, next: cursorAt(String(place)) }
      items.push(messageView(t, room, row))
      place = row.id
    }
    if (found.length < wanted) return { items, next: null }
  }
  return { items, next: cursorAt(String(place)) }
}

function messageView(
  t: Trip,
  room: Room,
  { id, user, nick, xml: stored }: RoomMessage,
): z.infer<typeof said> {
  const el = readStored('message', stored)
  // An account that has the address by now need not be who had it then.
  const isTheirs = user !== '' && authorOf(el) === roomsOf(t.world).occupantId(t, room.jid, user)
  return {
    stanza_id: String(id),
    id: el.attrs.id ?? null,
    at: iso(t.store.receipts.timeOf(id)),
    from: isTheirs ? user : null,
    nick: nick || null,
    body: childText(el, 'body') ?? null,
    subject: childText(el, 'subject') ?? null,
  }
}

/** /v1/rooms: groups that the app's own back end makes, changes and ends. */
import { setVcard } from '../../rooms/avatar.ts'
import { closeIfEmpty } from '../../rooms/leave.ts'
import { configure, createRoom, destroy } from '../../rooms/lifecycle.ts'
import { roomsOf } from '../../rooms/registry.ts'
import { announceSubject } from '../../rooms/say.ts'
import type { Trip } from '../../routing/transit.ts'
import { emptyCard, withPhoto } from '../../xmpp/avatar.ts'
import { Jid } from '../../xmpp/jid.ts'
import { noPicture, readPicture } from '../../xmpp/picture.ts'
import type { HttpDeps } from '../deps.ts'
import { checkMatch } from '../etag.ts'
import { cursorSchema, hostSchema, jidSchema, keyHeader, matchHeader, text, whole } from '../fields.ts'
import { type App, route, scope } from '../policy.ts'
import { HttpError } from '../problem.ts'
import { body, json, z } from '../schemas.ts'
import { domainFor, listRooms, roomAt, roomView } from './find.ts'
import { checkAll, memberSchema, newMember, placeAll, welcome, wantedOf } from './members.ts'
import { briefSchema, roomAddress, roomParam, roomSchema } from './schemas.ts'
import { readChange, settingsChange } from './settings.ts'

const read = scope('rooms:read')
const write = scope('rooms:write')
const gone = { 204: { description: 'Done' } } as const
const LONGEST = { name: 255, description: 4096, subject: 4096, reason: 1000 }

/** A group of people who know each other, until the request says otherwise. */
const GROUP = { public: false, membersOnly: true, nonAnonymous: true } as const

const newRoom = z.strictObject({
  jid: roomAddress.optional().openapi({ description: 'Its address; else one is made up.' }),
  host: hostSchema
    .optional()
    .openapi({ description: 'Whose rooms it belongs to; else the first of `hosts`.' }),
  name: text(LONGEST.name, 0).default('').openapi({ description: 'What people see.', example: 'Verona' }),
  description: text(LONGEST.description, 0).default(''),
  owner: jidSchema
    .optional()
    .openapi({ description: 'An account; without one only this API configures it.' }),
  members: z
    .array(newMember)
    .max(1000)
    .default([])
    .openapi({ description: 'Beside the owner. A nick that somebody has gets a number.' }),
  settings: settingsChange.optional().openapi({
    description: 'Else it is private: not listed, for members alone, who see each other’s addresses.',
  }),
  ...welcome,
})

const change = z.strictObject({
  name: text(LONGEST.name, 0).optional(),
  description: text(LONGEST.description, 0).optional(),
  subject: text(LONGEST.subject, 0).optional(),
  settings: settingsChange.optional(),
})

export function addRooms(app: App): void {
  addLists(app)
  addChanges(app)
  app.openapi(
    route(write, {
      method: 'post',
      path: '/v1/rooms',
      operationId: 'createRoom',
      summary: 'Make a room with its members',
      description:
        'It stays when nobody is in it. All members are checked first; one that is wrong makes none.',
      request: { headers: keyHeader, body: body(newRoom) },
      responses: {
        201: json('Made', roomSchema.extend({ placed: z.array(memberSchema) })),
      },
    }),
    async (c) => {
      const { deps } = c.var
      const wanted = c.req.valid('json')
      const jid = await deps.router.run((t) => create(t, deps, wanted))
      const owner = wanted.owner === undefined ? [] : [{ jid: wanted.owner, affiliation: 'owner' as const }]
      const placed = await placeAll({ router: deps.router }, jid.bare, [...owner, ...wanted.members], wanted)
      const answer = await deps.router.run((t) => {
        const made = { ...roomView(t, roomAt(t, jid.bare)), placed }
        deps.keep?.(t, 201, made)
        return made
      })
      return c.json(answer, 201)
    },
  )
}

/** Everything is looked at before anything is written. */
function create(t: Trip, deps: HttpDeps, wanted: z.infer<typeof newRoom>): Jid {
  const jid = addressFor(t, deps, wanted)
  const known = roomsOf(t.world).lookUp(t, jid)
  if (known?.row.gone)
    throw new HttpError(409, 'gone', `${jid.bare} was destroyed, and is not made anew for [muc] tombstone.`)
  if (known) throw new HttpError(409, 'conflict', `There is a room ${jid.bare} already.`)
  if (wanted.owner !== undefined && wanted.members.some((member) => member.jid === wanted.owner))
    throw new HttpError(422, 'twice', `${wanted.owner} is the owner and a member.`)
  const owner = wanted.owner === undefined ? [] : [{ jid: wanted.owner, affiliation: 'owner' as const }]
  checkAll(
    t,
    [...owner, ...wanted.members].map((member) => wantedOf(member, wanted)),
  )
  const { name, description } = wanted
  const settings = { ...GROUP, ...readChange(wanted.settings), name, description, persistent: true }
  const room = createRoom(t, { jid, settings })
  // An empty room does not stay in memory.
  closeIfEmpty(t, room)
  return jid
}

function addressFor(
  t: Trip,
  deps: HttpDeps,
  { jid, host }: { jid?: string | undefined; host?: string | undefined },
): Jid {
  const { hosts } = t.config
  const domain = domainFor(deps, host ?? hosts[0] ?? '')
  if (jid === undefined) return Jid.parse(`${t.freshId().toLowerCase()}@${domain}`)
  const wanted = Jid.parse(jid)
  const there = host === undefined ? hosts.map((one) => domainFor(deps, one)) : [domain]
  if (there.includes(wanted.domain)) return wanted
  throw new HttpError(422, 'unknown-host', `Rooms are at ${there.join(', ')}, not at ${wanted.domain}.`)
}

function addLists(app: App): void {
  app.openapi(
    route(read, {
      method: 'get',
      path: '/v1/rooms',
      operationId: 'listRooms',
      summary: 'List rooms in the order of their addresses, hidden ones too',
      request: {
        query: z.strictObject({
          host: hostSchema.optional(),
          cursor: cursorSchema.optional(),
          limit: whole(1, 500).default(50),
        }),
      },
      responses: {
        200: json('A page', z.object({ items: z.array(briefSchema), next: z.string().nullable() })),
      },
    }),
    async (c) => c.json(await listRooms(c.var.deps, c.req.valid('query')), 200),
  )
  app.openapi(
    route(read, {
      method: 'get',
      path: '/v1/rooms/{jid}',
      operationId: 'getRoom',
      summary: 'Show a room',
      request: { params: roomParam },
      responses: { 200: json('The room', roomSchema) },
    }),
    async (c) => {
      const { jid } = c.req.valid('param')
      return c.json(await c.var.deps.router.run((t) => roomView(t, roomAt(t, jid))), 200)
    },
  )
}

function addChanges(app: App): void {
  app.openapi(
    route(write, {
      method: 'patch',
      path: '/v1/rooms/{jid}',
      operationId: 'changeRoom',
      summary: 'Rename a room, describe it, set its subject or its settings',
      request: { params: roomParam, headers: matchHeader, body: body(change) },
      responses: { 200: json('The room', roomSchema) },
    }),
    async (c) => {
      const { jid } = c.req.valid('param')
      const { name, description, subject, settings } = c.req.valid('json')
      const view = await c.var.deps.router.run((t) => {
        const room = roomAt(t, jid)
        checkMatch(c, roomView(t, room))
        const named = {
          ...(name !== undefined && { name }),
          ...(description !== undefined && { description }),
        }
        configure(t, room, { ...room.settings, ...readChange(settings), ...named })
        if (subject !== undefined) announceSubject(t, room, subject)
        return roomView(t, room)
      })
      return c.json(view, 200)
    },
  )
  app.openapi(
    route(write, {
      method: 'put',
      path: '/v1/rooms/{jid}/avatar',
      operationId: 'setRoomAvatar',
      summary: 'Give a room a picture, or take it away',
      request: {
        params: roomParam,
        body: body(
          z.strictObject({
            image: text(700_000)
              .nullable()
              .openapi({ description: 'Base64 of a PNG, JPEG or another picture; null: none.' }),
          }),
        ),
      },
      responses: { 200: json('The room', roomSchema) },
    }),
    async (c) => {
      const { image } = c.req.valid('json')
      const photo = image === null ? undefined : readPicture(image)
      if (image !== null && !photo) throw noPicture()
      const view = await c.var.deps.router.run((t) => {
        const room = roomAt(t, c.req.valid('param').jid)
        setVcard(t, room, photo ? withPhoto(emptyCard(), photo) : emptyCard())
        return roomView(t, room)
      })
      return c.json(view, 200)
    },
  )
  app.openapi(
    route(write, {
      method: 'delete',
      path: '/v1/rooms/{jid}',
      operationId: 'deleteRoom',
      summary: 'Destroy a room with all that was said in it',
      description: 'Everybody in it hears why and where to go instead, and clients do not enter it any more.',
      request: {
        params: roomParam,
        query: z.strictObject({
          reason: text(LONGEST.reason).optional(),
          alternate: roomAddress.optional().openapi({ description: 'Where to go instead.' }),
        }),
      },
      responses: gone,
    }),
    async (c) => {
      const { jid } = c.req.valid('param')
      await c.var.deps.router.run((t) => destroy(t, roomAt(t, jid), c.req.valid('query')))
      return c.body(null, 204)
    },
  )
}

/** The pages of rooms in the web admin. */
import { destroy } from '../../rooms/lifecycle.ts'
import type { Ctx } from '../context.ts'
import type { HttpDeps } from '../deps.ts'
import { hostSchema } from '../fields.ts'
import { HttpError } from '../problem.ts'
import { listRooms, occupantsOf, roomAt, roomView } from '../rooms/find.ts'
import { listMembers } from '../rooms/members.ts'
import { roomAddress } from '../rooms/schemas.ts'
import { field, html, said } from './answers.ts'
import { trailLinks } from './lists.ts'
import type { Pages } from './pages.ts'
import { RoomPage, RoomsPage, type Typed } from './rooms-page.tsx'
import { tr } from './words.ts'

const LISTED = 50
const MEMBERS = 100
const OCCUPANTS = 200

interface Failed {
  readonly error: string
  readonly typed: Typed
}

export function addRoomPages(deps: HttpDeps, routes: Pages): void {
  const show = async (c: Ctx, admin: string, jid: string, failed?: Failed): Promise<Response> => {
    const address = roomAddress.safeParse(jid).data
    if (address === undefined) throw new HttpError(404, 'no-such-room', tr('There is no such room.'))
    const { room, occupants } = await deps.router.run((t) => {
      const found = roomAt(t, address)
      return { room: roomView(t, found), occupants: occupantsOf(found, OCCUPANTS) }
    })
    const cursor = c.req.query('cursor')
    const members = await listMembers(deps, address, { cursor, limit: MEMBERS })
    const links = trailLinks(c, members.next)
    const page = RoomPage({ admin, room, occupants, members, links, ...failed, notice: routes.notice(c) })
    return html(c, page, failed === undefined ? 200 : 422)
  }
  routes.get('/admin/rooms', async (c, admin) => {
    const host = hostSchema.safeParse(c.req.query('host')).data
    const page = await listRooms(deps, { host, cursor: c.req.query('cursor'), limit: LISTED })
    return html(
      c,
      RoomsPage({
        admin,
        page,
        links: trailLinks(c, page.next),
        host,
        hosts: deps.world.config.hosts,
        notice: routes.notice(c),
      }),
    )
  })
  routes.get('/admin/rooms/show', (c, admin) => show(c, admin, c.req.query('jid') ?? ''))
  routes.post('/admin/rooms/delete', async (c, admin) => {
    const jid = roomAddress.safeParse(await field(c, 'jid')).data ?? ''
    const reason = (await field(c, 'reason')).slice(0, 1000).trim()
    const sure = (await field(c, 'sure')) === 'yes'
    const again = (error: string) => show(c, admin, jid, { error, typed: { reason, sure } })
    if (!sure) return again(tr('Tick “I am sure” first.'))
    try {
      await deps.router.run((t) => destroy(t, roomAt(t, jid), { reason: reason === '' ? undefined : reason }))
    } catch (error) {
      return again(said(error))
    }
    return c.redirect('/admin/rooms?done=destroyed', 303)
  })
}

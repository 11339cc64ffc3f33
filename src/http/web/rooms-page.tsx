/** @jsxImportSource hono/jsx */
import type { Brief, occupantsOf, RoomView } from '../rooms/find.ts'
import type { listMembers } from '../rooms/members.ts'
import { Layout, sizeOf, State, Time } from './layout.tsx'

interface Props {
  readonly admin: string
  readonly notice?: string | undefined
  readonly error?: string | undefined
}

type Members = Awaited<ReturnType<typeof listMembers>>
type Occupants = ReturnType<typeof occupantsOf>

const show = (jid: string, cursor?: string): string =>
  `/admin/rooms/show?${new URLSearchParams({ jid, ...(cursor !== undefined && { cursor }) }).toString()}`
const at = (iso: string | null): number | null => (iso === null ? null : Date.parse(iso))
const localOf = (jid: string): string => jid.slice(0, jid.indexOf('@'))

export const RoomsPage = ({
  admin,
  notice,
  page,
  host,
  hosts,
}: Props & {
  readonly page: { readonly items: readonly Brief[]; readonly next: string | null }
  readonly host: string | undefined
  readonly hosts: readonly string[]
}) => (
  <Layout title="Rooms" admin={admin} here="rooms" notice={notice}>
    <h1>Rooms</h1>
    {hosts.length > 1 && (
      <form method="get" action="/admin/rooms" class="row">
        <select name="host" aria-label="Host">
          <option value="">All hosts</option>
          {hosts.map((one) => (
            <option value={one} selected={one === host}>
              {one}
            </option>
          ))}
        </select>
        <button type="submit" class="quiet">
          Show
        </button>
      </form>
    )}
    <section class="card flush">
      {page.items.length === 0 ? <p class="empty">No rooms yet.</p> : <Table rooms={page.items} />}
    </section>
    {page.next !== null && (
      <p>
        <a
          class="button quiet"
          href={`/admin/rooms?${new URLSearchParams({ host: host ?? '', cursor: page.next }).toString()}`}
        >
          Next page
        </a>
      </p>
    )}
  </Layout>
)

const Table = ({ rooms }: { rooms: readonly Brief[] }) => (
  <table>
    <thead>
      <tr>
        <th scope="col">Room</th>
        <th scope="col">In it</th>
        <th scope="col">Members</th>
        <th scope="col" class="wide">
          Open to
        </th>
        <th scope="col" class="wide">
          Created
        </th>
      </tr>
    </thead>
    <tbody>
      {rooms.map((room) => (
        <tr>
          <td>
            <a href={show(room.jid)}>{room.name || localOf(room.jid)}</a>
            <div class="dim break">{room.jid}</div>
          </td>
          <td>{room.occupants}</td>
          <td>
            {room.members} {room.owners === 0 && <State good={false}>no owner</State>}
          </td>
          <td class="wide">{room.members_only ? 'members' : 'everybody'}</td>
          <td class="wide">
            <Time at={at(room.created)} />
          </td>
        </tr>
      ))}
    </tbody>
  </table>
)

export const RoomPage = ({
  admin,
  notice,
  error,
  room,
  occupants,
  members,
}: Props & { readonly room: RoomView; readonly occupants: Occupants; readonly members: Members }) => (
  <Layout title={room.name || room.jid} admin={admin} here="rooms" {...{ notice, error }}>
    <p class="crumb">
      <a href="/admin/rooms">Rooms</a>
    </p>
    <h1 class="break">{room.name || localOf(room.jid)}</h1>
    <Facts room={room} />
    <section class="card">
      <h2>In it now</h2>
      {occupants.length === 0 ? <p class="empty">Nobody.</p> : <Present occupants={occupants} />}
      {room.occupants > occupants.length && <p class="dim">and {room.occupants - occupants.length} more</p>}
    </section>
    <section class="card">
      <h2>Members</h2>
      {members.items.length === 0 ? <p class="empty">Nobody belongs to it.</p> : <List members={members} />}
    </section>
    {members.next !== null && (
      <p>
        <a class="button quiet" href={show(room.jid, members.next)}>
          More members
        </a>
      </p>
    )}
    <Danger room={room} />
  </Layout>
)

const Facts = ({ room }: { room: RoomView }) => (
  <section class="card">
    <dl class="facts">
      <dt>Address</dt>
      <dd class="break">{room.jid}</dd>
      {room.description !== '' && (
        <>
          <dt>About</dt>
          <dd class="break">{room.description}</dd>
        </>
      )}
      <dt>Subject</dt>
      <dd class="break">{room.subject || <span class="dim">none</span>}</dd>
      <dt>Open to</dt>
      <dd>
        {room.members_only ? 'its members alone' : 'everybody'}
        {room.public ? ', listed' : ', not listed'}
        {room.settings.password !== '' && ', with a password'}
      </dd>
      <dt>Belong to it</dt>
      <dd>
        {room.members} {room.owners === 0 && <State good={false}>no owner</State>}
        {room.outcasts > 0 && <span class="dim"> {room.outcasts} banned</span>}
      </dd>
      <dt>Archive</dt>
      <dd>
        {room.archive.messages} messages, about {sizeOf(room.archive.bytes)}
        {room.archive.first !== null && (
          <span class="dim">
            {' '}
            since <Time at={at(room.archive.first)} />
          </span>
        )}
      </dd>
      <dt>Created</dt>
      <dd>
        <Time at={at(room.created)} />
      </dd>
    </dl>
  </section>
)

const Present = ({ occupants }: { occupants: Occupants }) => (
  <table>
    <thead>
      <tr>
        <th scope="col">Nick</th>
        <th scope="col">Account</th>
        <th scope="col">Role</th>
      </tr>
    </thead>
    <tbody>
      {occupants.map(({ nick, jid, role }) => (
        <tr>
          <td class="break">{nick}</td>
          <td class="break">{jid}</td>
          <td>{role}</td>
        </tr>
      ))}
    </tbody>
  </table>
)

const List = ({ members }: { members: Members }) => (
  <table>
    <thead>
      <tr>
        <th scope="col">Account</th>
        <th scope="col">Stands as</th>
        <th scope="col" class="wide">
          Nick
        </th>
      </tr>
    </thead>
    <tbody>
      {members.items.map(({ jid, affiliation, nick }) => (
        <tr>
          <td class="break">{jid}</td>
          <td>{affiliation === 'outcast' ? <State good={false}>banned</State> : affiliation}</td>
          <td class="wide break">{nick ?? ''}</td>
        </tr>
      ))}
    </tbody>
  </table>
)

const Danger = ({ room }: { room: RoomView }) => (
  <section class="card">
    <h2>Destroy</h2>
    <details>
      <summary class="button danger">Destroy…</summary>
      <form method="post" action="/admin/rooms/delete" class="stack">
        <input type="hidden" name="jid" value={room.jid} />
        <p>The room goes with its members and all that was said in it. Nobody can bring it back.</p>
        <label>
          What people are told
          <input name="reason" maxlength={1000} autocomplete="off" />
        </label>
        <label class="check">
          <input type="checkbox" name="sure" value="yes" required /> I am sure
        </label>
        <button type="submit" class="danger">
          Destroy {localOf(room.jid)}
        </button>
      </form>
    </details>
  </section>
)

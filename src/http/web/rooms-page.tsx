/** @jsxImportSource hono/jsx */
import type { Brief, occupantsOf, RoomView } from '../rooms/find.ts'
import type { listMembers } from '../rooms/members.ts'
import { Layout, sizeOf, State, Time } from './layout.tsx'
import { Pager } from './list.tsx'
import type { Links } from './lists.ts'
import { Rich } from './rich.tsx'
import { tr, known } from './words.ts'

interface Props {
  readonly admin: string
  readonly notice?: string | undefined
  readonly error?: string | undefined
}

type Members = Awaited<ReturnType<typeof listMembers>>
type Occupants = ReturnType<typeof occupantsOf>

/** Values of the form that destroys, when it failed. */
export interface Typed {
  readonly reason: string
  readonly sure: boolean
}

const show = (jid: string): string => `/admin/rooms/show?${new URLSearchParams({ jid }).toString()}`
const at = (iso: string | null): number | null => (iso === null ? null : Date.parse(iso))
const localOf = (jid: string): string => jid.slice(0, jid.indexOf('@'))

export const RoomsPage = ({
  admin,
  notice,
  page,
  links,
  host,
  hosts,
}: Props & {
  readonly links: Links
  readonly page: { readonly items: readonly Brief[]; readonly next: string | null }
  readonly host: string | undefined
  readonly hosts: readonly string[]
}) => (
  <Layout title={tr('Rooms')} admin={admin} here="rooms" notice={notice}>
    <h1>{tr('Rooms')}</h1>
    {hosts.length > 1 && (
      <form method="get" action="/admin/rooms" class="row">
        <select name="host" aria-label={tr('Host')}>
          <option value="">{tr('All hosts')}</option>
          {hosts.map((one) => (
            <option value={one} selected={one === host}>
              {one}
            </option>
          ))}
        </select>
        <button type="submit" class="quiet">
          {tr('Show')}
        </button>
      </form>
    )}
    <section class="card flush">
      {page.items.length === 0 ? <p class="empty">{tr('No rooms yet.')}</p> : <Table rooms={page.items} />}
    </section>
    <Pager links={links} />
  </Layout>
)

const Table = ({ rooms }: { rooms: readonly Brief[] }) => (
  <table>
    <thead>
      <tr>
        <th scope="col">{tr('Room')}</th>
        <th scope="col">{tr('In it')}</th>
        <th scope="col">{tr('Members')}</th>
        <th scope="col" class="wide">
          {tr('Open to')}
        </th>
        <th scope="col" class="wide">
          {tr('Created')}
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
            {room.members} {room.owners === 0 && <State good={false}>{tr('no owner')}</State>}
          </td>
          <td class="wide">{room.members_only ? tr('members') : tr('everybody')}</td>
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
  links,
  typed,
}: Props & {
  readonly links: Links
  readonly typed?: Typed | undefined
  readonly room: RoomView
  readonly occupants: Occupants
  readonly members: Members
}) => (
  <Layout title={room.name || room.jid} admin={admin} here="rooms" {...{ notice, error }}>
    <p class="crumb">
      <a href="/admin/rooms">{tr('Rooms')}</a>
    </p>
    <h1 class="break">{room.name || localOf(room.jid)}</h1>
    <Facts room={room} />
    <section class="card">
      <h2>{tr('In it now')}</h2>
      {occupants.length === 0 ? <p class="empty">{tr('Nobody.')}</p> : <Present occupants={occupants} />}
      {room.occupants > occupants.length && (
        <p class="dim">{tr('and {n} more', { n: room.occupants - occupants.length })}</p>
      )}
    </section>
    <section class="card">
      <h2>{tr('Members')}</h2>
      {members.items.length === 0 ? (
        <p class="empty">{tr('Nobody belongs to it.')}</p>
      ) : (
        <List members={members} />
      )}
    </section>
    <Pager links={links} />
    <Danger room={room} typed={typed} />
  </Layout>
)

const Facts = ({ room }: { room: RoomView }) => (
  <section class="card">
    <dl class="facts">
      <dt>{tr('Address')}</dt>
      <dd class="break">{room.jid}</dd>
      {room.description !== '' && (
        <>
          <dt>{tr('About')}</dt>
          <dd class="break">{room.description}</dd>
        </>
      )}
      <dt>{tr('Subject')}</dt>
      <dd class="break">{room.subject || <span class="dim">{tr('none')}</span>}</dd>
      <dt>{tr('Open to')}</dt>
      <dd>
        {[
          room.members_only ? tr('its members alone') : tr('everybody'),
          room.public ? tr('listed') : tr('not listed'),
          ...(room.settings.password === '' ? [] : [tr('with a password')]),
        ].join(', ')}
      </dd>
      <dt>{tr('Belong to it')}</dt>
      <dd>
        {room.members} {room.owners === 0 && <State good={false}>{tr('no owner')}</State>}
        {room.outcasts > 0 && <span class="dim"> {tr('{n} banned', { n: room.outcasts })}</span>}
      </dd>
      <dt>{tr('Archive')}</dt>
      <dd>
        {tr('{n} messages, about {size}', {
          n: room.archive.messages,
          size: sizeOf(room.archive.bytes),
        })}
        {room.archive.first !== null && (
          <span class="dim">
            {' '}
            <Rich text="since {when}" parts={{ when: <Time at={at(room.archive.first)} /> }} />
          </span>
        )}
      </dd>
      <dt>{tr('Created')}</dt>
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
        <th scope="col">{tr('Nick')}</th>
        <th scope="col">{tr('Account')}</th>
        <th scope="col">{tr('Role')}</th>
      </tr>
    </thead>
    <tbody>
      {occupants.map(({ nick, jid, role }) => (
        <tr>
          <td class="break">{nick}</td>
          <td class="break">{jid}</td>
          <td>{known(role)}</td>
        </tr>
      ))}
    </tbody>
  </table>
)

const List = ({ members }: { members: Members }) => (
  <table>
    <thead>
      <tr>
        <th scope="col">{tr('Account')}</th>
        <th scope="col">{tr('Stands as')}</th>
        <th scope="col" class="wide">
          {tr('Nick')}
        </th>
      </tr>
    </thead>
    <tbody>
      {members.items.map(({ jid, affiliation, nick }) => (
        <tr>
          <td class="break">{jid}</td>
          <td>
            {affiliation === 'outcast' ? <State good={false}>{tr('banned')}</State> : known(affiliation)}
          </td>
          <td class="wide break">{nick ?? ''}</td>
        </tr>
      ))}
    </tbody>
  </table>
)

const Danger = ({ room, typed }: { room: RoomView; typed: Typed | undefined }) => (
  <section class="card">
    <h2>{tr('Destroy')}</h2>
    <details open={typed !== undefined}>
      <summary class="button danger">{tr('Destroy…')}</summary>
      <form method="post" action="/admin/rooms/delete" class="stack">
        <input type="hidden" name="jid" value={room.jid} />
        <p>{tr('The room goes with its members and all that was said in it. Nobody can bring it back.')}</p>
        <label>
          {tr('What people are told')}
          <input name="reason" value={typed?.reason} maxlength={1000} autocomplete="off" />
        </label>
        <label class="check">
          <input type="checkbox" name="sure" value="yes" checked={typed?.sure === true} required />{' '}
          {tr('I am sure')}
        </label>
        <button type="submit" class="danger">
          {tr('Destroy {name}', { name: localOf(room.jid) })}
        </button>
      </form>
    </details>
  </section>
)

/**
 * A whole session of an app on XMPPFramework's XMPPRoom: each stanza as it writes it, in the order in which an app calls its
 * methods, and what it believes by its own rules: 110, 201, 210, 303 and its nick are all that it looks at, and errors of
 * presence are nothing to it.
 */
import { expect, test } from 'bun:test'
import { child, children, childText, type Element } from '../../../src/xmpp/xml.ts'
import type { Actor } from '../../support/actor.ts'
import { manages, settle } from '../../support/phones.ts'
import { ADMIN, hears, inside, itemOf, MUC, MUC_USER, OWNER, ROOM, statuses } from '../../support/rooms.ts'
import { cut } from '../../support/sm.ts'
import { type Play, play } from '../../support/world.ts'

const UUID = '2B7DEF3F-6C0F-4A56-9E43-0E1A3C2F7D'

class XmppRoom {
  state: 'none' | 'joining' | 'joined' | 'leaving' = 'none'
  nick = ''
  subject: string | undefined
  /** What its delegate is told, in words of its own. */
  readonly told: string[] = []
  #oldNick: string | undefined
  #n = 10

  constructor(private app: Actor) {}

  /** After every authentication, a resumption too, it begins anew. */
  authenticated(app: Actor): void {
    this.app = app
    this.state = 'none'
  }

  join(nick: string, inner = ''): void {
    expect(['none', 'leaving']).toContain(this.state)
    this.nick = nick
    this.app.sends(`<presence to="${ROOM}/${nick}"><x xmlns="${MUC}">${inner}</x></presence>`)
    this.state = 'joining'
  }

  async asks(type: 'get' | 'set', xmlns: string, inner: string): Promise<Element> {
    const id = `${UUID}${++this.#n}`
    this.app.sends(`<iq type="${type}" to="${ROOM}" id="${id}"><query xmlns="${xmlns}">${inner}</query></iq>`)
    return this.app.answer(id)
  }

  /** A list by affiliation or role. */
  async list(what: string): Promise<string[]> {
    const answer = await this.asks('get', ADMIN, `<item ${what}/>`)
    if (answer.attrs.type !== 'result') return ['did not fetch']
    return children(child(answer, 'query', ADMIN)!, 'item').map(({ attrs }) => attrs.jid ?? attrs.nick ?? '')
  }

  rename(nick: string): void {
    this.#oldNick = this.nick
    this.nick = nick
    this.app.sends(`<presence to="${ROOM}/${nick}"/>`)
  }

  /** A message: "to" and "type" come last, and there is no id. */
  says(inner: string, attrs = ''): void {
    this.app.sends(`<message${attrs} to="${ROOM}" type="groupchat">${inner}</message>`)
  }

  leave(): void {
    this.app.sends(`<presence to="${ROOM}/${this.nick}" type="unavailable"/>`)
    this.state = 'leaving'
  }

  async listens(): Promise<string[]> {
    await this.app.settles()
    for (const el of this.app.heard) {
      if (!el.attrs.from?.startsWith(ROOM)) continue
      if (el.name === 'presence') this.#presence(el)
      if (el.name === 'message') this.#message(el)
    }
    this.app.forget()
    return this.told.splice(0)
  }

  #presence(el: Element): void {
    const codes = statuses(el)
    const [, nick = ''] = (el.attrs.from ?? '').split('/')
    const changes = codes.includes('303') || codes.includes('210')
    let isMine = codes.includes('110') || codes.includes('201') || nick === this.nick
    if (!isMine && changes && nick === this.#oldNick) {
      isMine = true
      this.#oldNick = undefined
    }
    if (codes.includes('201')) this.told.push('created')
    const { type = 'available' } = el.attrs
    if (!isMine) {
      if (type === 'available') this.told.push(`${nick} joined as ${itemOf(el)?.attrs.affiliation}`)
      if (type === 'unavailable') this.told.push(`${nick} left`)
      return
    }
    if (type === 'available') {
      this.nick = nick
      if (this.state === 'joining') {
        this.state = 'joined'
        this.told.push('joined')
      }
    } else if (type === 'unavailable' && !changes) {
      this.state = 'none'
      this.told.push('left')
    }
  }

  #message(el: Element): void {
    const [, nick] = (el.attrs.from ?? '').split('/')
    const body = childText(el, 'body')
    const isGroup = el.attrs.type === 'groupchat'
    if (body !== undefined && (isGroup || nick === undefined)) {
      // What it has sent itself it has stored then, and drops now.
      if (nick !== this.nick || child(el, 'delay')) this.told.push(`${nick ?? 'the room'}: ${body}`)
    } else if (isGroup && child(el, 'subject')) {
      this.subject = childText(el, 'subject')
      this.told.push(`subject "${this.subject}"`)
    }
  }
}

async function others(p: Play): Promise<[Actor, Actor]> {
  return [await p.online('juliet@bix.org/iPhone'), await p.online('nurse@bix.org/iPad')]
}

test('XMPPRoom from creation to destruction: it believes what is so, and is never left joining', async () => {
  using p = play()
  const app = await p.online('romeo@bix.org/iPhone')
  const [juliet, nurse] = await others(p)
  const room = new XmppRoom(app)

  room.join('Romeo')
  expect(await room.listens()).toEqual(['created', 'joined', 'subject ""'])
  const form = await room.asks('get', OWNER, '')
  const x = child(child(form, 'query', OWNER)!, 'x', 'jabber:x:data')!
  // The server's own form, of which the app changes some values and the type.
  const filled = x
    .toString()
    .replace('type="form"', 'type="submit"')
    .replace(
      /(var="muc#roomconfig_(?:persistentroom|membersonly)"[^>]*>(?:<required\/>)?<value>)[01]/g,
      '$11',
    )
  expect((await room.asks('set', OWNER, filled)).attrs.type).toBe('result')
  expect(p.store.rooms.find(ROOM)?.settings).toMatchObject({ persistent: true, membersOnly: true })
  expect(await room.listens()).toEqual([])

  // What apps fetch once they are in.
  expect(await room.list('affiliation="outcast"')).toEqual([])
  expect(await room.list('affiliation="member"')).toEqual([])
  expect(await room.list('affiliation="admin"')).toEqual([])
  expect(await room.list('affiliation="owner"')).toEqual(['romeo@bix.org'])
  expect(await room.list('role="moderator"')).toEqual(['romeo@bix.org/iPhone'])

  const invites = ['juliet@bix.org', 'nurse@bix.org']
    .map((jid) => `<invite to="${jid}"><reason>Join me</reason></invite>`)
    .join('')
  app.sends(`<message to="${ROOM}"><x xmlns="${MUC_USER}">${invites}</x></message>`)
  await app.settles()
  for (const [guest, nick] of [
    [juliet, 'Juliet'],
    [nurse, 'Nurse'],
  ] as const) {
    await guest.settles()
    const invitation = guest.heard
      .map((el) => child(el, 'x', MUC_USER))
      .find((el) => el && child(el, 'invite'))
    expect(invitation && childText(child(invitation, 'invite')!, 'reason')).toBe('Join me')
    const theirs = new XmppRoom(guest)
    theirs.join(nick)
    expect(await theirs.listens()).toContain('joined')
  }
  expect(await room.listens()).toEqual(['Juliet joined as member', 'Nurse joined as member'])

  // Privileges by full addresses, several at once; roles by address.
  const items = ['juliet@bix.org/iPhone', 'nurse@bix.org/iPad']
    .map((jid) => `<item affiliation="admin" jid="${jid}"/>`)
    .join('')
  expect((await room.asks('set', ADMIN, items)).attrs.type).toBe('result')
  expect(await room.list('affiliation="admin"')).toEqual(['juliet@bix.org', 'nurse@bix.org'])
  expect(await room.listens()).toEqual(['Juliet joined as admin', 'Nurse joined as admin'])

  room.says('<subject>Verona</subject>', ' from="romeo@bix.org/iPhone"')
  room.says('<body>hark</body>')
  juliet.sends(`<message to="${ROOM}" type="groupchat"><body>ay me</body></message>`)
  await juliet.settles()
  expect(await room.listens()).toEqual(['subject "Verona"', 'Juliet: ay me'])

  room.rename('Montague')
  expect(await room.listens()).toEqual([])
  expect([room.state, room.nick]).toEqual(['joined', 'Montague'])

  room.leave()
  expect(await room.listens()).toEqual(['left'])
  room.join('Romeo', '<history maxstanzas="1"/>')
  expect((await room.listens()).filter((line) => !line.includes('joined as'))).toEqual([
    'joined',
    'Juliet: ay me',
    'subject "Verona"',
  ])
  expect((await room.asks('set', OWNER, '<destroy/>')).attrs.type).toBe('result')
  expect(await room.listens()).toEqual(['left'])
  expect(room.state).toBe('none')
})

test('XMPPRoom after a lost connection: resumed or new, it comes in again, and history is what it has not heard', async () => {
  using p = play()
  const juliet = await inside(p, 'juliet@bix.org/iPhone', 'Juliet')
  let app = await p.online('romeo@bix.org/iPhone')
  const room = new XmppRoom(app)
  room.join('Romeo')
  expect(await room.listens()).toContain('joined')
  const id = await manages(app)
  await hears(juliet)
  cut(app)
  await settle(p)
  juliet.sends(`<message to="${ROOM}" type="groupchat" id="m"><body>where are you</body></message>`)
  await juliet.settles()
  juliet.forget()
  app = await p.returns('romeo@bix.org')
  app.sends(`<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='1'/>`)
  expect((await app.next()).name).toBe('resumed')
  room.authenticated(app)
  room.join('Romeo', '<history maxstanzas="0"/>')
  const told = await room.listens()
  expect(told.filter((line) => line.startsWith('Juliet:'))).toEqual(['Juliet: where are you'])
  expect(told.filter((line) => line === 'joined')).toEqual(['joined'])
  expect(await hears(juliet)).toEqual([])
  // The app was ended: nothing was said, and a later start logs in anew.
  app.sends('</stream:stream>')
  await settle(p)
  app = await p.online('romeo@bix.org/iPhone')
  room.authenticated(app)
  room.join('Romeo', '<history since="2000-01-01T00:00:00Z"/>')
  expect(await room.listens()).toEqual([
    'Juliet joined as owner',
    'joined',
    'Juliet: where are you',
    'subject ""',
  ])
})

test('XMPPRoom is shut out, kicked or banned: what it hears of is that it has left', async () => {
  using p = play()
  const juliet = await inside(p, 'juliet@bix.org/iPhone', 'Juliet')
  const app = await p.online('romeo@bix.org/iPhone')
  const room = new XmppRoom(app)
  for (const item of [`role='none' nick='Romeo'`, `affiliation='outcast' jid='romeo@bix.org'`]) {
    room.join('Romeo')
    await room.listens()
    expect(room.state).toBe('joined')
    await juliet.asks('set', `<query xmlns='${ADMIN}'><item ${item}/></query>`, ROOM)
    expect((await room.listens()).slice(0, 1)).toEqual(['left'])
    expect(room.state).toBe('none')
  }
  // A presence without <x/>, as old apps come back, tells it that it is out.
  app.sends(`<presence to="${ROOM}/Romeo"/>`)
  await room.listens()
  expect(room.state).toBe('none')
})

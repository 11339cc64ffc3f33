import { expect, test } from 'bun:test'
import type { Actor } from '../support/actor.ts'
import { type Play, play } from '../support/world.ts'
import { child, childText, children, type Element } from '../../src/xmpp/xml.ts'

const MAM = 'urn:xmpp:mam:2'
const RSM = 'http://jabber.org/protocol/rsm'

interface Page {
  bodies: string[]
  ids: string[]
  complete: boolean
  count: string | undefined
  error: string | undefined
}

const field = (name: string, ...values: string[]) =>
  `<field var='${name}'>${values.map((value) => `<value>${value}</value>`).join('')}</field>`

const form = (...fields: string[]) =>
  `<x xmlns='jabber:x:data' type='submit'>${field('FORM_TYPE', MAM)}${fields.join('')}</x>`

const set = (inner: string) => `<set xmlns='${RSM}'>${inner}</set>`

async function asks(actor: Actor, inner = '', to?: string): Promise<Page> {
  actor.forget()
  const answer = await actor.asks('set', `<query xmlns='${MAM}' queryid='q'>${inner}</query>`, to)
  const results = actor.heard.map((el) => child(el, 'result', MAM)).filter((el) => el !== undefined)
  actor.forget()
  const fin = child(answer, 'fin', MAM)
  const rsm = fin && child(fin, 'set', RSM)
  const error = child(answer, 'error')
  return {
    bodies: results.map((el) => childText(inside(el), 'body') ?? ''),
    ids: results.map((el) => el.attrs.id ?? ''),
    complete: fin?.attrs.complete === 'true',
    count: rsm && childText(rsm, 'count'),
    error: error && (error.children[0] as Element).name, // an error has its condition first
  }
}

function inside(result: Element): Element {
  const forwarded = child(result, 'forwarded', 'urn:xmpp:forward:0')
  const message = forwarded && child(forwarded, 'message', 'jabber:client')
  if (!message) throw new Error(`no message in ${result.toString()}`)
  return message
}

/** Romeo has sent "0" … "n-1" to Juliet, one a second, and one to the nurse. */
async function withHistory(p: Play, n: number): Promise<{ romeo: Actor; juliet: Actor }> {
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  await p.account('nurse@bix.org')
  for (let i = 0; i < n; i++) {
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>${i}</body></message>`)
    await romeo.settles()
    p.clock.advance(1000)
  }
  romeo.sends(`<message to='nurse@bix.org/any' type='chat'><body>nurse</body></message>`)
  await romeo.settles()
  romeo.forget()
  juliet.forget()
  return { romeo, juliet }
}

test('XEP-0313 §4: both sides find the conversation, each in the own archive under the id it was given', async () => {
  using p = play()
  const { romeo, juliet } = await withHistory(p, 3)
  expect((await asks(romeo)).bodies).toEqual(['0', '1', '2', 'nurse'])
  const hers = await asks(juliet)
  expect(hers).toMatchObject({ bodies: ['0', '1', '2'], complete: true })
  romeo.sends(`<message to='juliet@bix.org' type='chat'><body>3</body></message>`)
  const live = await juliet.next()
  expect((await asks(juliet)).ids.at(-1)).toBe(child(live, 'stanza-id', 'urn:xmpp:sid:0')?.attrs.id ?? '')
})

test('XEP-0313 §4.2: a result is forwarded with its time and the query’s id', async () => {
  using p = play()
  const { juliet } = await withHistory(p, 1)
  juliet.sends(`<iq type='set' id='m'><query xmlns='${MAM}' queryid='f27'/></iq>`)
  await juliet.receives(
    `<message from='juliet@bix.org' to='juliet@bix.org/balcony'><result xmlns='${MAM}' queryid='f27' id='{any}'>` +
      `<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00.000Z'/>` +
      `<message xmlns='jabber:client' to='juliet@bix.org' type='chat' from='romeo@bix.org/orchard'><body>0</body>` +
      `<stanza-id xmlns='urn:xmpp:sid:0' id='{any}' by='juliet@bix.org'/></message></forwarded></result></message>`,
  )
  await juliet.answer('m')
})

test('XEP-0313 §4.1: with, start, end, before-id, after-id and ids narrow the result', async () => {
  using p = play()
  const { romeo } = await withHistory(p, 5)
  const all = await asks(romeo)
  const bodies = async (...fields: string[]) => (await asks(romeo, form(...fields))).bodies
  expect(await bodies(field('with', 'nurse@bix.org'))).toEqual(['nurse'])
  expect(await bodies(field('with', 'nurse@bix.org/any'))).toEqual(['nurse'])
  expect(await bodies(field('with', 'nurse@bix.org/other'))).toEqual([])
  expect(await bodies(field('start', '2026-01-01T00:00:03Z'))).toEqual(['3', '4', 'nurse'])
  expect(await bodies(field('end', '2026-01-01T01:00:01+01:00'))).toEqual(['0', '1'])
  expect(await bodies(field('start', '2026-01-02T00:00:00Z'), field('end', '2026-01-01T00:00:00Z'))).toEqual(
    [],
  )
  expect(await bodies(field('after-id', all.ids[1] ?? ''), field('before-id', all.ids[4] ?? ''))).toEqual([
    '2',
    '3',
  ])
  expect(await bodies(field('ids', all.ids[3] ?? '', all.ids[0] ?? ''))).toEqual(['0', '3'])
})

test('XEP-0059 §2, §2.2, §2.3, §2.7: pages forwards, backwards, the last one, flipped, and the count', async () => {
  using p = play()
  const { juliet } = await withHistory(p, 5)
  const first = await asks(juliet, set('<max>2</max>'))
  expect(first).toMatchObject({ bodies: ['0', '1'], complete: false })
  const second = await asks(juliet, set(`<max>2</max><after>${first.ids[1]}</after>`))
  expect(second).toMatchObject({ bodies: ['2', '3'], complete: false })
  const third = await asks(juliet, set(`<max>2</max><after>${second.ids[1]}</after>`))
  expect(third).toMatchObject({ bodies: ['4'], complete: true })
  const last = await asks(juliet, set('<max>2</max><before/>'))
  expect(last).toMatchObject({ bodies: ['3', '4'], complete: false })
  expect((await asks(juliet, set(`<max>2</max><before>${last.ids[0]}</before>`))).bodies).toEqual(['1', '2'])
  expect((await asks(juliet, `${set('<max>2</max><before/>')}<flip-page/>`)).bodies).toEqual(['4', '3'])
  expect(await asks(juliet, set('<max>0</max>'))).toMatchObject({ bodies: [], count: '5' })
})

test('XEP-0313 §4.3, §4.3.1, case 55: no page is longer than a hundred, whatever is asked for', async () => {
  using p = play()
  const { juliet } = await withHistory(p, 103)
  expect((await asks(juliet, set('<max>10000000000</max>'))).error).toBe('bad-request')
  expect(await asks(juliet, set('<max>2147483647</max>'))).toMatchObject({
    complete: false,
    error: undefined,
  })
  expect((await asks(juliet, set('<max>500</max>'))).bodies).toHaveLength(100)
  expect((await asks(juliet)).bodies).toHaveLength(50)
})

test('XEP-0313 §4.1.2, §4.1.3, XEP-0059 §2.4, case 55: nonsense is refused, another one’s archive and ids stay closed', async () => {
  using p = play()
  const { romeo, juliet } = await withHistory(p, 2)
  const foreign = (await asks(romeo)).ids[0] ?? ''
  const error = async (inner: string, to?: string) => (await asks(juliet, inner, to)).error
  expect(await error('', 'romeo@bix.org')).toBe('service-unavailable')
  expect(await error(form(field('with', '@')))).toBe('jid-malformed')
  expect(await error(form(field('start', 'yesterday')))).toBe('bad-request')
  expect(await error(form(field('colour', 'red')))).toBe('feature-not-implemented')
  expect(await error(form(field('after-id', foreign)))).toBe('item-not-found')
  expect(await error(set(`<after>${foreign}</after>`))).toBe('item-not-found')
  expect(await error(set(`<after>' OR 1=1--</after>`))).toBe('item-not-found')
  expect(await error(form(field('ids', foreign)))).toBe('item-not-found')
  expect(await error(set('<max>-1</max>'))).toBe('bad-request')
  expect(await error(set('<max>1</max><index>1</index>'))).toBe('feature-not-implemented')
  expect((await asks(juliet, set('<max>1000000000</max>'))).bodies).toEqual(['0', '1'])
  const backwards = form(field('start', '2030-01-01T00:00:00Z'), field('end', '2001-01-01T00:00:00Z'))
  expect((await asks(juliet, backwards)).bodies).toEqual([])
})

test('XEP-0313 §4.3.2: pages are asked for in any order; the last one says so, and none begins at an id that is not there', async () => {
  using p = play()
  const { juliet } = await withHistory(p, 5)
  const { ids } = await asks(juliet)
  const [a, , c, , e] = ids
  const page = (inner: string) => asks(juliet, set(`<max>2</max>${inner}`))
  expect(await page(`<before>${e}</before>`)).toMatchObject({ bodies: ['2', '3'], complete: false })
  expect(await page(`<after>${c}</after>`)).toMatchObject({ bodies: ['3', '4'], complete: true })
  expect(await page(`<before>${c}</before>`)).toMatchObject({ bodies: ['0', '1'], complete: true })
  expect(await page(`<after>${a}</after>`)).toMatchObject({ bodies: ['1', '2'], complete: false })
  expect(await page(`<after>${e}</after>`)).toMatchObject({ bodies: [], complete: true })
  for (const missing of ['1', String(Number(e) + 1), 'x'])
    for (const way of ['after', 'before'])
      expect((await page(`<${way}>${missing}</${way}>`)).error).toBe('item-not-found')
})

test('XEP-0313 §6.1: the archive is advertised on the account; the domain names it for profanity and has none', async () => {
  using p = play()
  const { juliet } = await withHistory(p, 1)
  const features = async (to: string) =>
    (await juliet.asks('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, to)).toString()
  expect(await features('juliet@bix.org')).toContain(`<feature var="${MAM}"/>`)
  // COMPAT(profanity, 0.13): it looks for history nowhere else.
  expect(await features('bix.org')).toContain(`<feature var="${MAM}"/>`)
  expect((await asks(juliet, '', 'bix.org')).error).toBe('service-unavailable')
})

test('XEP-0313 §5: metadata tells the bounds, and nothing of an empty archive', async () => {
  using p = play()
  const { romeo } = await withHistory(p, 2)
  const answer = await romeo.asks('get', `<metadata xmlns='${MAM}'/>`)
  const found = child(answer, 'metadata', MAM)
  expect(found && child(found, 'start')?.attrs.timestamp).toBe('2026-01-01T00:00:00.000Z')
  expect(found && child(found, 'end')?.attrs.timestamp).toBe('2026-01-01T00:00:02.000Z')
  const fresh = await p.bound('benvolio@bix.org')
  expect(child(await fresh.asks('get', `<metadata xmlns='${MAM}'/>`), 'metadata', MAM)?.children).toEqual([])
})

test('XEP-0313 §6: preferences decide what is archived, per side', async () => {
  using p = play()
  const { romeo, juliet } = await withHistory(p, 0)
  const prefs = await juliet.asks(
    'set',
    `<prefs xmlns='${MAM}' default='always'><always/><never><jid>romeo@bix.org/orchard</jid></never></prefs>`,
  )
  const told = child(prefs, 'prefs', MAM)
  const never = told && child(told, 'never')
  expect(never && children(never, 'jid').map((el) => el.getText())).toEqual(['romeo@bix.org'])
  romeo.sends(`<message to='juliet@bix.org' type='chat'><body>secret</body></message>`)
  await romeo.settles()
  expect((await asks(juliet)).bodies).toEqual([])
  expect((await asks(romeo)).bodies).toContain('secret')
  expect((await juliet.asks('set', `<prefs xmlns='${MAM}' default='sometimes'/>`)).attrs.type).toBe('error')
})

test('XEP-0313 §4.1.1: with one’s own address finds the messages to oneself, and no others', async () => {
  using p = play()
  const { romeo } = await withHistory(p, 2)
  for (const to of ['romeo@bix.org', 'romeo@bix.org/orchard'])
    romeo.sends(`<message to='${to}' type='chat'><body>note to ${to}</body></message>`)
  await romeo.settles()
  const found = (await asks(romeo, form(field('with', 'romeo@bix.org')))).bodies
  expect(found).toEqual(['note to romeo@bix.org', 'note to romeo@bix.org/orchard'])
})

test('XEP-0313 §4.1.5: the form names the fields', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org')
  const answer = await romeo.asks('get', `<query xmlns='${MAM}'/>`)
  const query = child(answer, 'query', MAM)
  const x = query && child(query, 'x', 'jabber:x:data')
  const fields = x ? children(x, 'field') : []
  expect(fields.map(({ attrs }) => [attrs.var, attrs.type])).toEqual([
    ['FORM_TYPE', 'hidden'],
    ['with', 'jid-single'],
    ['start', 'text-single'],
    ['end', 'text-single'],
    ['before-id', 'text-single'],
    ['after-id', 'text-single'],
    ['ids', 'list-multi'],
  ])
  // Ids are not offered as a list; the client names what it likes.
  expect(fields.at(-1)?.children.map(String)).toEqual([
    '<validate xmlns="http://jabber.org/protocol/xdata-validate" datatype="xs:string"><open/></validate>',
  ])
  expect(answer.toString()).not.toContain('<required')
})

test('XEP-0313 §4.3.1: a page of large messages is shorter, so that it fits the send buffer, and all of them come', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  for (let i = 0; i < 7; i++) {
    romeo.sends(
      `<message to='juliet@bix.org' type='chat'><body>${String(i).repeat(100_000)}</body></message>`,
    )
    await romeo.settles()
  }
  const first = (page: Page) => page.bodies.map((body) => body.charAt(0)).join('')
  const forwards: string[] = []
  for (let after = '', complete = false; !complete && forwards.length < 9;) {
    const page = await asks(romeo, set(`<max>50</max>${after}`))
    forwards.push(first(page))
    complete = page.complete
    after = `<after>${page.ids.at(-1)}</after>`
  }
  expect(forwards).toEqual(['01', '23', '45', '6'])
  const last = await asks(romeo, set('<max>50</max><before/>'))
  expect([first(last), last.complete]).toEqual(['56', false])
  const flipped = await asks(romeo, `${set(`<max>50</max><before>${last.ids[0]}</before>`)}<flip-page/>`)
  expect([first(flipped), flipped.complete]).toEqual(['43', false])
  // One that is larger than a page is a page.
  romeo.sends(`<message to='juliet@bix.org' type='chat'><body>${'&lt;'.repeat(65_000)}</body></message>`)
  await romeo.settles()
  expect(await asks(romeo, set('<max>1</max><before/>'))).toMatchObject({ complete: false, error: undefined })
})

test('case 55: neither a query nor a list of preferences may name more than 500', async () => {
  using p = play()
  const juliet = await p.online('juliet@bix.org/balcony')
  const ids = (n: number) => field('ids', ...Array.from({ length: n }, (_, i) => String(i)))
  expect((await asks(juliet, form(ids(501)))).error).toBe('bad-request')
  expect((await asks(juliet, form(ids(500)))).error).toBe('item-not-found')
  const prefs = (n: number) =>
    `<prefs xmlns='${MAM}' default='roster'><always>` +
    `${Array.from({ length: n }, (_, i) => `<jid>a${i}@x.example</jid>`).join('')}</always><never/></prefs>`
  await juliet.isRefused('resource-constraint', 'set', prefs(501))
  expect((await juliet.asks('set', prefs(500))).attrs.type).toBe('result')
})

test('XEP-0313 §6: whoever is always archived is so whatever the rest, on both sides of the conversation', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  const prefs = `<prefs xmlns='${MAM}' default='never'><always><jid>romeo@bix.org</jid></always><never/></prefs>`
  await juliet.asks('set', prefs)
  for (const name of ['romeo', 'nurse']) {
    const actor = name === 'romeo' ? romeo : await p.online(`${name}@bix.org/hall`)
    actor.sends(`<message to='juliet@bix.org' type='chat'><body>${name}</body></message>`)
    await actor.settles()
    juliet.sends(`<message to='${name}@bix.org' type='chat'><body>to ${name}</body></message>`)
    await juliet.settles()
  }
  expect((await asks(juliet)).bodies).toEqual(['romeo', 'to romeo'])
})

test('XEP-0313 §4.1.1, case 55: one resource is looked for among so many messages that the loop is not held', async () => {
  using p = play()
  const juliet = await p.online('juliet@bix.org/balcony')
  const account = p.store.accounts.find('juliet@bix.org')
  if (!account) throw new Error('no account')
  const times: number[] = []
  await p.router.run((t) => {
    for (let i = 0; i < 5_002; i++) {
      const id = t.store.messages.nextId()
      const resource = i === 5_001 ? 'rare' : i % 1_000 === 0 ? 'often' : 'always'
      const xml = `<message from="romeo@bix.org/${resource}" to="juliet@bix.org"><body>${i}</body></message>`
      t.store.messages.archive(account, id, 'romeo@bix.org', xml)
      times.push(id)
    }
  })
  const one = (resource: string) => form(field('with', `romeo@bix.org/${resource}`))
  // Found near enough: a page that says that there is more, until nothing is found any more.
  const often = await asks(juliet, one('often'))
  expect([often.bodies, often.complete]).toEqual([['0', '1000', '2000', '3000', '4000'], false])
  const rest = await asks(juliet, `${one('often')}${set(`<after>${often.ids.at(-1)}</after>`)}`)
  expect([rest.bodies, rest.complete]).toEqual([['5000'], true])
  expect((await asks(juliet, one('rare'))).error).toBe('resource-constraint')
  expect((await asks(juliet, `${one('rare')}${set('<max>0</max>')}`)).error).toBe('resource-constraint')
  expect((await asks(juliet, `${one('rare')}${set('<before/>')}`)).bodies).toEqual(['5001'])
  const narrow = `<x xmlns='jabber:x:data' type='submit'>${field('FORM_TYPE', MAM)}${field('with', 'romeo@bix.org/rare')}${field('after-id', String(times[100]))}</x>`
  expect(await asks(juliet, narrow)).toMatchObject({ bodies: ['5001'], complete: true })
  expect((await asks(juliet, `${narrow}${set('<max>0</max>')}`)).count).toBe('1')
})

/** A play with this in [limits]; rates stay off. */
const limited = (limits: string) => play({ toml: `[limits]\nrates = false\n${limits}\n` })

test('limits.archive_page, archive_page_bytes: a page is as long as the configuration says', async () => {
  using p = limited('archive_page = 3')
  const { juliet } = await withHistory(p, 5)
  expect(await asks(juliet, set('<max>4</max>'))).toMatchObject({ bodies: ['0', '1', '2'], complete: false })
  expect(await asks(juliet)).toMatchObject({ bodies: ['0', '1', '2'], complete: false })
  using small = limited('archive_page_bytes = 600')
  const other = (await withHistory(small, 5)).juliet
  expect((await asks(other)).bodies).toEqual(['0', '1', '2'])
})

test('limits.archive_scan, archive_count: a query looks and counts as far as the configuration says', async () => {
  using p = limited('archive_scan = 3\narchive_count = 4')
  const { juliet } = await withHistory(p, 5)
  const here = form(field('with', 'romeo@bix.org/orchard'))
  expect(await asks(juliet, here)).toMatchObject({ bodies: ['0', '1', '2'], complete: false })
  expect((await asks(juliet, `${here}${set('<max>0</max>')}`)).error).toBe('resource-constraint')
  expect((await asks(juliet, set('<max>0</max>'))).count).toBe('4')
  // What can be looked through is counted, however few are counted otherwise.
  using wide = limited('archive_scan = 5\narchive_count = 1')
  const other = (await withHistory(wide, 5)).juliet
  expect((await asks(other, `${here}${set('<max>0</max>')}`)).count).toBe('5')
})

test('limits.archive_ids, archive_prefs: lists are as long as the configuration says', async () => {
  using p = limited('archive_ids = 2\narchive_prefs = 1')
  const { juliet } = await withHistory(p, 3)
  const { ids } = await asks(juliet)
  expect((await asks(juliet, form(field('ids', ...ids)))).error).toBe('bad-request')
  expect((await asks(juliet, form(field('ids', ...ids.slice(1))))).bodies).toEqual(['1', '2'])
  const prefs = (...jids: string[]) =>
    `<prefs xmlns='${MAM}' default='roster'><always/><never>${jids.map((jid) => `<jid>${jid}</jid>`).join('')}</never></prefs>`
  await juliet.isRefused('resource-constraint', 'set', prefs('a@b.c', 'd@e.f'))
  expect((await juliet.asks('set', prefs('a@b.c'))).attrs.type).toBe('result')
  using free = limited('archive_prefs = 0')
  const other = await free.online('juliet@bix.org/balcony')
  const many = Array.from({ length: 501 }, (_, i) => `a${i}@b.c`)
  expect((await other.asks('set', prefs(...many))).attrs.type).toBe('result')
})

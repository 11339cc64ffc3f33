/**
 * What is acknowledged is on disk: while the disk holds one turn, the next one fills, and nothing that tells of it leaves
 * with the first.
 */
import { expect, test } from 'bun:test'
import { child, type Element } from '../../src/xmpp/xml.ts'
import { type Actor, PASSWORD } from '../support/actor.ts'
import { BoshActor, isOpen } from '../support/bosh.ts'
import { HeldDisk } from '../support/disk.ts'
import { chat, cut, granted, SM } from '../support/sm.ts'
import { play, type Play } from '../support/world.ts'

const R = `<r xmlns='${SM}'/>`
const ME = 'romeo@bix.org'

/** Passes of the loop: a turn ends in them, though not its sync. */
async function loop(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
}

async function stage() {
  const disk = new HeldDisk(false)
  const p = play({ disk })
  await p.account('juliet@bix.org')
  const romeo = await p.online(`${ME}/orchard`)
  const sm = await granted(romeo)
  romeo.forget()
  disk.held = true
  return { p, disk, romeo, sm }
}

/** One sync comes back, and what it lets go arrives. */
async function synced(disk: HeldDisk): Promise<void> {
  disk.done()
  await loop()
}

const counts = ({ heard }: Actor): (string | undefined)[] =>
  heard.filter(({ name }) => name === 'a').map(({ attrs }) => attrs.h)

const archived = (p: Play) =>
  p.store.db.raw
    .query<{ xml: string }, []>('SELECT xml FROM offline ORDER BY id')
    .all()
    .map(({ xml }) => /<body>(.*)<\/body>/.exec(xml)?.[1])

for (const [what, second, more] of [
  ['messages', chat('two'), 1],
  ['many messages', chat('two') + chat('three') + chat('four'), 3],
  ['a message behind its own question', `${R}${chat('two')}`, 1],
  ['a question about it', `${chat('two')}${R}`, 1],
  ['presence and requests', `<presence/><iq type='get' id='x'><query xmlns='jabber:iq:roster'/></iq>`, 2],
] as const) {
  test(`XEP-0198 §4: a count leaves with its own turn; the next one holds ${what}`, async () => {
    const { p, disk, romeo } = await stage()
    using _ = p
    romeo.sends(chat('one') + R)
    await loop()
    romeo.sends(chat('beside'))
    await loop()
    romeo.sends(second)
    await loop()
    expect([counts(romeo), disk.started.length]).toEqual([[], 1])
    await synced(disk)
    expect(counts(romeo)[0]).toBe('1')
    expect(counts(romeo).every((h) => Number(h) === 1)).toBe(true)
    await synced(disk)
    romeo.sends(R)
    await loop()
    if (disk.started.length > 0) await synced(disk)
    expect(counts(romeo).at(-1)).toBe(String(2 + more))
  })
}

test('XEP-0198 §4: a question that waits behind a turn on its way is answered with its own', async () => {
  const { p, disk, romeo } = await stage()
  using _ = p
  romeo.sends(chat('one'))
  await loop()
  // Nothing was written since, so that this is known once the first turn is.
  romeo.sends(R)
  await loop()
  romeo.sends(chat('two') + R)
  await loop()
  await synced(disk)
  expect(counts(romeo)).toEqual(['1'])
  await synced(disk)
  expect(counts(romeo)).toEqual(['1', '2'])
})

for (const way of ['resume', 'sasl2'] as const) {
  test(`XEP-0198 §5: <resumed/> by ${way} counts nothing that its turn does not hold`, async () => {
    const { p, disk, romeo, sm } = await stage()
    using _ = p
    disk.held = false
    const back = way === 'resume' ? await p.returns(ME) : p.connect()
    if (way === 'sasl2') await back.opens()
    disk.held = true
    romeo.sends(chat('one'))
    await loop()
    romeo.sends(chat('two'))
    back.sends(way === 'resume' ? resume(sm.id) : sasl2(resume(sm.id)))
    // The old stream is not known to be dead: what it says behind the resumption is nobody's any more.
    while (!romeo.transport.paused) await loop()
    romeo.sends(chat('late'))
    await loop()
    expect(resumedCount(back)).toBeUndefined()
    await synced(disk)
    await synced(disk)
    expect(resumedCount(back)).toBe('2')
    disk.held = false
    while (disk.started.length > 0) await synced(disk)
    await back.settles()
    expect(archived(p)).toEqual(['one', 'two'])
    await romeo.cutOffAmong('conflict')
  })
}

test('XEP-0198 §5: a resumption whose turn fails is tried again, and what was refused is told', async () => {
  const { p, disk, romeo, sm } = await stage()
  using _ = p
  disk.held = false
  const back = await p.returns(ME)
  const mend = p.commitsFail()
  romeo.sends(chat('one'))
  back.sends(resume(sm.id))
  await loop()
  mend()
  expect((await back.next()).attrs.h).toBe('1')
  await back.hearsError('resource-constraint')
  back.forget()
  back.sends(chat('two'))
  await back.settles()
  expect(archived(p)).toEqual(['two'])
})

test('XEP-0198 §5: <failed h/> of a session that ended counts what is on disk by then', async () => {
  const { p, disk, romeo, sm } = await stage()
  using _ = p
  disk.held = false
  const back = await p.returns(ME)
  disk.held = true
  romeo.sends(chat('one'))
  await loop()
  romeo.sends(chat('two'))
  const [session] = p.world.sessions.of(ME)
  cut(romeo)
  if (session) p.world.end(session)
  back.sends(resume(sm.id))
  await loop()
  await synced(disk)
  expect(back.heard).toEqual([])
  await synced(disk)
  expect(back.heard.find(({ name }) => name === 'failed')?.attrs.h).toBe('2')
})

test('XEP-0124 §9: a request is answered, and acknowledged, once its stanzas are on disk', async () => {
  const disk = new HeldDisk(false)
  using p = play({ disk })
  for (const jid of [ME, 'juliet@bix.org']) await p.account(jid)
  const romeo = await BoshActor.bound(p, 'romeo')
  const other = await p.online('mercutio@bix.org/x')
  disk.held = true
  const poll = romeo.sends()
  await loop()
  // A word for romeo is in the turn that is on its way when his own message comes.
  other.sends(`<iq type='get' id='v' to='${ME}/web'><query xmlns='jabber:iq:version'/></iq>${chat('hers')}`)
  await loop()
  const message = romeo.sends(`<message xmlns='jabber:client' to='juliet@bix.org'><body>his</body></message>`)
  await loop()
  expect([await isOpen(poll.answer), disk.started.length]).toEqual([true, 1])
  await synced(disk)
  const first = await poll.answer
  expect([first.attrs.ack, child(first, 'iq', 'jabber:client')?.attrs.id]).toEqual([undefined, 'v'])
  expect(await isOpen(message.answer)).toBe(true)
  // Its time is over, and it is not on disk: no answer all the same.
  p.clock.advance(60_000)
  expect(await isOpen(message.answer)).toBe(true)
  await synced(disk)
  expect((await message.answer).attrs.type).toBeUndefined()
  expect(archived(p)).toEqual(['hers', 'his'])
})

test('XEP-0124 §9: what is said to nobody who asks does not answer a request that is not on disk', async () => {
  const disk = new HeldDisk(false)
  using p = play({ disk })
  for (const jid of [ME, 'juliet@bix.org']) await p.account(jid)
  const romeo = await BoshActor.bound(p, 'romeo')
  const other = await p.online('mercutio@bix.org/x')
  disk.held = true
  other.sends(`<iq type='get' id='v' to='${ME}/web'><query xmlns='jabber:iq:version'/></iq>${chat('hers')}`)
  await loop()
  const message = romeo.sends(`<message xmlns='jabber:client' to='juliet@bix.org'><body>his</body></message>`)
  await loop()
  await synced(disk)
  expect(await isOpen(message.answer)).toBe(true)
  await synced(disk)
  expect(child(await message.answer, 'iq', 'jabber:client')?.attrs.id).toBe('v')
})

test('a program is answered once its own message is on disk', async () => {
  const { p, disk, romeo } = await stage()
  using _ = p
  romeo.sends(chat('one'))
  await loop()
  const written = p.router.run((t) => t.store.settings.set('mine', Buffer.from('1')))
  await loop()
  await synced(disk)
  expect(await isOpen(written)).toBe(true)
  await synced(disk)
  expect(await isOpen(written)).toBe(false)
})

const resume = (id: string) => `<resume xmlns='${SM}' previd='${id}' h='0'/>`
const sasl2 = (inside: string) =>
  `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>` +
  `${Buffer.from(`\0romeo\0${PASSWORD}`).toString('base64')}</initial-response>${inside}</authenticate>`

function resumedCount({ heard }: Actor): string | undefined {
  const all: (Element | undefined)[] = heard.flatMap((el) => [el, child(el, 'resumed', SM)])
  return all.find((el) => el?.name === 'resumed')?.attrs.h
}

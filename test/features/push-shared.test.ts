/** Several accounts in one app share one token: each has a registration of its own, and the icon shows one number. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Actor } from '../support/actor.ts'
import { doorOf } from '../support/door.ts'
import { phoneOf } from '../support/phone.ts'
import { areSent, chat, leaves, passes, PUSH, RATES, says } from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'

const TOKEN = '0a'.repeat(32)
const ACCOUNTS = ['juliet@bix.org', 'nurse@bix.org'] as const
const to = (jid: string, body: string) => chat(body).replace('juliet@bix.org', jid)
const form = (fields: Record<string, string>) =>
  `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>` +
  Object.entries(fields)
    .map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`)
    .join('') +
  '</x>'
const enable = (node: string, inner: string) =>
  `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${node}'>${inner}</enable>`

const SISKIN = enable(TOKEN, `<priority xmlns='tigase:push:priority:0'/>`)
const MONAL = enable(TOKEN, form({ pushModule: 'monalProdiOS' }))
const PLAIN = enable(TOKEN, '')
const DISABLE = `<disable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${TOKEN}'/>`

const PHONE = { kind: 'apns', topic: 'org.bix.chat', address: TOKEN }

const owners = (p: Play) =>
  p.store.push.devices.at(PHONE).map(({ accountId }) => p.store.accounts.byId(accountId)?.jid)

async function registers(p: Play, jid: string, xml: string): Promise<Actor> {
  const app = await p.online(`${jid}/phone`)
  expect((await app.asks('set', xml)).attrs.type).toBe('result')
  return app
}

/** Both have registered the phone and are away; romeo writes. */
async function both(xml = SISKIN, toml = PUSH) {
  const p = play({ toml })
  for (const jid of ACCOUNTS) await leaves(p, await registers(p, jid, xml))
  return { p, romeo: await p.online('romeo@bix.org/orchard') }
}

describe('a token of two accounts', () => {
  for (const [app, xml] of [
    ['Siskin or Snikket', SISKIN],
    ['Monal', MONAL],
    ['ChatSecure', enable('n', form({ token: TOKEN, endpoint: 'https://push.chatsecure.org' }))],
    ['any that says so', enable('n', form({ token: TOKEN, exclusive: 'false' }))],
  ] as const)
    test(`${app}: rings for each, under one number`, async () => {
      const { p, romeo } = await both(xml)
      using _ = p
      await using phone = await phoneOf(p, { token: TOKEN })
      expect(owners(p)).toEqual([...ACCOUNTS])
      await says(romeo, to('juliet@bix.org', 'one'))
      await says(romeo, to('nurse@bix.org', 'two'))
      await phone.rings({ account: 'juliet@bix.org', badge: 1 }, { account: 'nurse@bix.org', badge: 2 })
    })

  test('what one of them has read lowers the number to that of the others', async () => {
    const { p, romeo } = await both()
    using _ = p
    await using phone = await phoneOf(p, { token: TOKEN })
    for (const jid of ACCOUNTS) await says(romeo, to(jid, jid))
    await phone.rings({}, {})
    const desk = await p.online('nurse@bix.org/desk')
    await says(desk, `<message to='romeo@bix.org' type='chat' id='a'><body>anon</body></message>`)
    await passes(p, 5_000)
    expect(await phone.shows()).toMatchObject([{ account: 'nurse@bix.org', as: 'number', badge: 1 }])
  })

  test('it leaves the account that logs out, whose messages count no more', async () => {
    const { p, romeo } = await both()
    using _ = p
    await using phone = await phoneOf(p, { token: TOKEN })
    for (const jid of ACCOUNTS) await says(romeo, to(jid, jid))
    await phone.rings({}, {})
    const nurse = await p.bound('nurse@bix.org/phone')
    await nurse.asks('set', DISABLE)
    expect(owners(p)).toEqual(['juliet@bix.org'])
    await passes(p, 5_000)
    expect(await phone.shows()).toMatchObject([{ account: 'juliet@bix.org', as: 'number', badge: 1 }])
    await says(romeo, to('nurse@bix.org', 'again'))
    await phone.isSilent()
  })

  test('it leaves all others when one registers it for itself, by whichever door', async () => {
    const { p } = await both()
    using _ = p
    const romeo = await p.online('romeo@bix.org/phone')
    await romeo.asks('set', PLAIN)
    expect(owners(p)).toEqual(['romeo@bix.org'])
    const asks = doorOf(p)
    const post = (exclusive: boolean, jid: string) =>
      asks('POST', '/v1/me/devices', { token: TOKEN, exclusive }, jid)
    await post(false, 'juliet@bix.org')
    expect(owners(p)).toEqual(['juliet@bix.org'])
    await post(false, 'nurse@bix.org')
    expect(owners(p)).toEqual([...ACCOUNTS])
    await post(true, 'romeo@bix.org')
    expect(owners(p)).toEqual(['romeo@bix.org'])
  })

  test('Apple’s word that it is dead is for all; a newer registration of one keeps it for all', async () => {
    const { p } = await both()
    using _ = p
    const [first, second] = p.store.push.devices.at(PHONE)
    await p.router.run((t) => {
      expect(t.store.push.devices.forget(first?.id ?? 0, (second?.refreshedAt ?? 0) - 1)).toBe(false)
      expect(t.store.push.devices.forget(first?.id ?? 0, second?.refreshedAt ?? 0)).toBe(true)
    })
    expect(owners(p)).toEqual([])
  })

  test('bursts are counted by phone, not by account', async () => {
    const { p, romeo } = await both(SISKIN, RATES)
    using _ = p
    await using phone = await phoneOf(p, { token: TOKEN })
    for (const text of ['1', '2', '3']) for (const jid of ACCOUNTS) await says(romeo, to(jid, text + jid))
    await phone.rings({}, {}, {})
  })
})

describe('[[push.apps]] accounts', () => {
  test('"one": the token moves, whatever the app is', async () => {
    const { p } = await both(SISKIN, `${PUSH}\naccounts = "one"`)
    using _ = p
    expect(owners(p)).toEqual(['nurse@bix.org'])
  })

  test('"many": it stays, whatever the app is', async () => {
    const { p } = await both(PLAIN, `${PUSH}\naccounts = "many"`)
    using _ = p
    expect(owners(p)).toEqual([...ACCOUNTS])
  })

  test('without a word an app that tells nothing has one', async () => {
    const { p } = await both(PLAIN)
    using _ = p
    expect(owners(p)).toEqual(['nurse@bix.org'])
  })
})

/** Three accounts of one app: who has it, what they have not read, and the number that the icon was told last. */
test('random stories of accounts that share a token: each ring once, and the icon shows what all have unread', async () => {
  const all = ['juliet@bix.org', 'nurse@bix.org', 'paris@bix.org']
  const step = fc.record({
    act: fc.constantFrom('writes', 'writes', 'writes', 'reads', 'registers', 'logs out'),
    who: fc.integer({ min: 0, max: 2 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 16 }), async (steps) => {
      using p = play({ toml: PUSH })
      const romeo = await p.online('romeo@bix.org/orchard')
      for (const jid of all) await p.account(jid)
      const unread = new Map(all.map((jid) => [jid, 0]))
      const has = new Set<string>()
      const number = () => [...has].reduce((sum, jid) => sum + (unread.get(jid) ?? 0), 0)
      for (const [i, { act, who }] of steps.entries()) {
        const jid = all[who] ?? ''
        if (act === 'registers' || act === 'logs out') {
          // Not available, so that nothing is shown by it.
          const app = await p.bound(`${jid}/phone`)
          await app.asks('set', act === 'registers' ? SISKIN : DISABLE)
          if (act === 'registers') has.add(jid)
          else has.delete(jid)
          app.sends('</stream:stream>')
        } else if (act === 'writes') {
          await says(romeo, to(jid, `m${i}`))
          // Nobody counts for an account without a phone.
          if (has.has(jid)) unread.set(jid, (unread.get(jid) ?? 0) + 1)
          const rang = p.pushed.filter(
            ({ kind, account, body }) => kind === 'body' && account === jid && body !== undefined,
          )
          expect(rang.filter(({ createdAt }) => createdAt === p.clock.now())).toHaveLength(
            has.has(jid) ? 1 : 0,
          )
        } else {
          const desk = await p.bound(`${jid}/desk`)
          await says(desk, `<message to='romeo@bix.org' type='chat' id='r${i}'><body>anon</body></message>`)
          desk.sends('</stream:stream>')
          unread.set(jid, 0)
        }
        await passes(p, 10_000)
        await areSent(p)
        for (const device of p.store.push.devices.at(PHONE)) {
          expect(p.store.badges.on(device)).toBe(number())
          // A registration that joins tells nothing by itself.
          expect(p.store.badges.told(device)).toBeLessThanOrEqual(number())
        }
      }
    }),
    { numRuns: Number(process.env.PUSH_RUNS ?? 25) },
  )
}, 3_600_000)

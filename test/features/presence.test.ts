import { describe, expect, test } from 'bun:test'
import type { Actor } from '../support/actor.ts'
import { befriends } from '../support/friends.ts'
import { play } from '../support/world.ts'

/** Two accounts that see each other, nobody available yet. */
async function friends(p: ReturnType<typeof play>, ...pairs: [string, string][]): Promise<void> {
  for (const pair of pairs.length > 0 ? pairs : [['romeo@bix.org', 'juliet@bix.org'] as [string, string]]) {
    for (const jid of pair) if (!p.store.accounts.find(jid)) await p.account(jid)
    const [one, other] = pair
    await befriends(p, one, other)
    await befriends(p, other, one)
  }
}

const gone = (from: string, to: string, inner = '') =>
  `<presence type='unavailable' from='${from}' to='${to}'>${inner}</presence>`
const here = (from: string, to: string, inner = '') =>
  `<presence from='${from}' to='${to}'>${inner}</presence>`

async function calm(...actors: Actor[]): Promise<void> {
  for (const actor of actors) await actor.settles()
  for (const actor of actors) actor.forget()
}

test('RFC 6121 §4.2.2: initial presence goes to contacts and own resources, and brings theirs', async () => {
  using p = play()
  await friends(p)
  const juliet = await p.online('juliet@bix.org/balcony')
  juliet.sends('<presence><show>dnd</show></presence>')
  const street = await p.online('romeo@bix.org/street')
  await calm(juliet, street)
  const romeo = await p.bound('romeo@bix.org/orchard')
  romeo.sends('<presence><status>wooing</status></presence>')
  const mine = '<status>wooing</status>'
  await juliet.receives(here(romeo.jid, 'juliet@bix.org', mine))
  await street.receives(here(romeo.jid, street.jid, mine))
  await romeo.receivesAll(
    here(romeo.jid, romeo.jid, mine),
    here(street.jid, romeo.jid),
    here(juliet.jid, romeo.jid, '<show>dnd</show>'),
  )
  await romeo.hearsNothing()
})

test('RFC 6121 §4.4.2: an update goes to the same, without asking anew', async () => {
  using p = play()
  await friends(p)
  const juliet = await p.online('juliet@bix.org/balcony')
  const romeo = await p.online('romeo@bix.org/orchard')
  await calm(juliet, romeo)
  romeo.sends('<presence><show>away</show></presence>')
  await romeo.receives(here(romeo.jid, romeo.jid, '<show>away</show>'))
  await juliet.receives(here(romeo.jid, 'juliet@bix.org', '<show>away</show>'))
  await romeo.hearsNothing()
})

test('RFC 6121 §4.5.2: unavailable presence reaches the same and comes back to who said it', async () => {
  using p = play()
  await friends(p)
  const juliet = await p.online('juliet@bix.org/balcony')
  const street = await p.online('romeo@bix.org/street')
  const romeo = await p.online('romeo@bix.org/orchard')
  await calm(juliet, street, romeo)
  romeo.sends(`<presence type='unavailable'><status>banished</status></presence>`)
  const why = '<status>banished</status>'
  await juliet.receives(gone(romeo.jid, 'juliet@bix.org', why))
  await street.receives(gone(romeo.jid, street.jid, why))
  await romeo.receives(gone(romeo.jid, romeo.jid, why))
  // Said twice, it is no news.
  romeo.sends(`<presence type='unavailable'/>`)
  await romeo.hearsNothing()
  await juliet.hearsNothing()
})

describe('RFC 6121 §4.5.2: a stream that ends says goodbye for its session', () => {
  const ends: [string, (romeo: Actor) => void][] = [
    ['in order', (romeo) => romeo.sends('</stream:stream>')],
    ['by a cut', (romeo) => romeo.transport.destroy()],
    ['by an error', (romeo) => romeo.sends('<oops></ooops>')],
  ]
  for (const [how, end] of ends)
    test(how, async () => {
      using p = play()
      await friends(p)
      const juliet = await p.online('juliet@bix.org/balcony')
      const street = await p.online('romeo@bix.org/street')
      const romeo = await p.online('romeo@bix.org/orchard')
      await calm(juliet, street, romeo)
      end(romeo)
      await juliet.receives(gone(romeo.jid, 'juliet@bix.org'))
      await street.receives(gone(romeo.jid, street.jid))
      await juliet.hearsNothing()
      expect(p.world.sessions.countOf('romeo@bix.org')).toBe(1)
    })

  test('whoever never was available leaves without a word', async () => {
    using p = play()
    await friends(p)
    const juliet = await p.online('juliet@bix.org/balcony')
    const romeo = await p.bound('romeo@bix.org/orchard')
    romeo.sends('</stream:stream>')
    await juliet.hearsNothing()
  })
})

test('RFC 6121 §4.3.1, case 64: probes are the server’s affair', async () => {
  using p = play()
  await friends(p)
  const juliet = await p.online('juliet@bix.org/balcony')
  const romeo = await p.online('romeo@bix.org/orchard')
  await calm(juliet, romeo)
  romeo.sends(`<presence type='probe' to='juliet@bix.org'/>`)
  await romeo.hearsNothing()
  await juliet.hearsNothing()
})

test('RFC 6121 §4.3.2: a probe without a subscription is answered with unsubscribed', async () => {
  using p = play()
  await friends(p)
  // Romeo's side believes in a subscription that Juliet's side does not know.
  await p.router.run((t) => {
    const juliet = t.store.accounts.find('juliet@bix.org')
    const contact = juliet && t.store.contacts.find(juliet, 'romeo@bix.org')
    if (juliet && contact) t.store.contacts.put(juliet, { ...contact, subscription: 'none' })
  })
  const juliet = await p.online('juliet@bix.org/balcony')
  await calm(juliet)
  const romeo = await p.bound('romeo@bix.org/orchard')
  romeo.sends('<presence/>')
  await romeo.receivesAll(
    here(romeo.jid, romeo.jid),
    `<presence type='unsubscribed' from='juliet@bix.org' to='romeo@bix.org'/>`,
  )
  await romeo.hearsNothing()
})

test('RFC 6121 §4.6: directed presence reaches a stranger, who also hears of the end', async () => {
  using p = play()
  const nurse = await p.online('nurse@bix.org/hall')
  for (const end of [`<presence type='unavailable'/>`, '</stream:stream>']) {
    const romeo = await p.online('romeo@bix.org/orchard')
    romeo.sends(`<presence to='${nurse.jid}'><status>hush</status></presence>`)
    await nurse.receives(here(romeo.jid, nurse.jid, '<status>hush</status>'))
    // §4.6.4: a broadcast is not for strangers.
    romeo.sends('<presence><show>away</show></presence>')
    await romeo.settles()
    await nurse.hearsNothing()
    romeo.sends(end)
    await nurse.receives(gone(romeo.jid, nurse.jid))
    romeo.sends('</stream:stream>')
    await nurse.hearsNothing()
  }
})

test('RFC 6121 §4.6.3: who was told of the end by hand is not told again', async () => {
  using p = play()
  const nurse = await p.online('nurse@bix.org/hall')
  const romeo = await p.bound('romeo@bix.org/orchard')
  romeo.sends(`<presence to='${nurse.jid}'/><presence to='${nurse.jid}' type='unavailable'/>`)
  await nurse.receives(here(romeo.jid, nurse.jid))
  await nurse.receives(gone(romeo.jid, nurse.jid))
  romeo.sends('</stream:stream>')
  await nurse.hearsNothing()
})

test('RFC 6121 §4.6.3: a contact that got directed presence hears of the end once', async () => {
  using p = play()
  await friends(p)
  const juliet = await p.online('juliet@bix.org/balcony')
  const romeo = await p.online('romeo@bix.org/orchard')
  await calm(juliet, romeo)
  romeo.sends(`<presence to='${juliet.jid}'/>`)
  await juliet.receives(here(romeo.jid, juliet.jid))
  romeo.sends('</stream:stream>')
  await juliet.receives(gone(romeo.jid, 'juliet@bix.org'))
  await juliet.hearsNothing()
})

test('case 64, limits.directed_presence: more recipients are refused, known ones are not', async () => {
  using p = play({ toml: '[limits]\nrates = false\ndirected_presence = 2\n' })
  const nurse = await p.online('nurse@bix.org/hall')
  const romeo = await p.bound('romeo@bix.org/orchard')
  romeo.sends(`<presence to='a@bix.org'/><presence to='${nurse.jid}'/>`)
  await nurse.next()
  romeo.sends(`<presence to='b@bix.org'/>`)
  await romeo.hearsError('resource-constraint')
  romeo.sends(`<presence to='${nurse.jid}'/>`)
  await nurse.next()
  await romeo.hearsNothing()
})

describe('RFC 6121 §4.7.2.3: priorities', () => {
  for (const [text, ok] of [
    ['-128', true],
    ['127', true],
    ['+5', true],
    ['', true],
    ['128', false],
    ['-129', false],
    ['1.5', false],
    ['high', false],
  ] as const)
    test(`"${text}" is ${ok ? 'one' : 'none'}`, async () => {
      using p = play()
      const romeo = await p.bound('romeo@bix.org/orchard')
      romeo.sends(`<presence id='x'><priority>${text}</priority></presence>`)
      if (ok)
        await romeo.receives(
          here(romeo.jid, romeo.jid, `<priority>${text}</priority>`).replace(' from', ` id='x' from`),
        )
      else {
        await romeo.hearsError('bad-request')
        expect([...p.world.sessions.of('romeo@bix.org')][0]?.available).toBe(false)
      }
    })
})

test('RFC 6121 §4.7.1: an unknown type of presence is a bad request', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  for (const to of ['', ` to='juliet@bix.org'`]) {
    romeo.sends(`<presence type='invisible'${to}/>`)
    await romeo.hearsError('bad-request')
  }
  for (const type of ['subscribe', 'probe', 'error']) {
    romeo.sends(`<presence type='${type}'/>`)
    if (type !== 'error') await romeo.hearsError('bad-request')
  }
  await romeo.hearsNothing()
})

test('RFC 6121 §8.5.2.1.2, §8.5.3.2.2: presence to nobody there is ignored', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.bound('juliet@bix.org/balcony')
  romeo.sends(
    `<presence to='juliet@bix.org'/><presence to='juliet@bix.org/gone'/><presence to='nobody@bix.org'/>`,
  )
  await juliet.hearsNothing()
  await romeo.hearsNothing()
})

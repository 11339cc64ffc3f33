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

describe('RFC 6121 §4.3.2: a client that probes', () => {
  const probe = (to: string) => `<presence type='probe' to='${to}'/>`

  test('a contact hears what each of its resources said', async () => {
    using p = play()
    await friends(p)
    const juliet = await p.online('juliet@bix.org/balcony')
    const chamber = await p.online('juliet@bix.org/chamber')
    const romeo = await p.online('romeo@bix.org/orchard')
    chamber.sends('<presence><show>away</show></presence>')
    await calm(juliet, chamber, romeo)
    romeo.sends(probe('juliet@bix.org'))
    await romeo.receivesAll(here(juliet.jid, romeo.jid), here(chamber.jid, romeo.jid, '<show>away</show>'))
    romeo.sends(probe(chamber.jid))
    await romeo.receives(here(chamber.jid, romeo.jid, '<show>away</show>'))
    await romeo.hearsNothing()
    await juliet.hearsNothing()
  })

  test('a contact that is away, or a resource that is not there, hears so', async () => {
    using p = play()
    await friends(p)
    const romeo = await p.online('romeo@bix.org/orchard')
    await calm(romeo)
    for (const to of ['juliet@bix.org', 'juliet@bix.org/gone']) {
      romeo.sends(probe(to))
      await romeo.receives(`<presence from='${to}' to='${romeo.jid}' type='unavailable'/>`)
    }
    await romeo.hearsNothing()
  })

  test('its own account hears of its own resources', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    const home = await p.online('romeo@bix.org/home')
    await calm(romeo, home)
    romeo.sends(probe('romeo@bix.org'))
    await romeo.receivesAll(here(romeo.jid, romeo.jid), here(home.jid, romeo.jid))
    await home.hearsNothing()
  })

  test('a stranger, nobody and the server hears nothing, whoever is there', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    for (const to of ['juliet@bix.org', juliet.jid, 'nobody@bix.org', 'nobody@bix.org/x', 'bix.org'])
      romeo.sends(probe(to))
    await romeo.hearsNothing()
    await juliet.hearsNothing()
  })

  test('somebody who has not answered its request yet does not take that back', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    romeo.sends(`<presence type='subscribe' to='juliet@bix.org'/>`)
    await calm(romeo, juliet)
    romeo.sends(probe('juliet@bix.org'))
    await romeo.hearsNothing()
    juliet.sends(`<presence type='subscribed' to='romeo@bix.org'/>`)
    await juliet.settles()
    expect((await romeo.next()).toString()).toContain('subscription="to"')
  })
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
  const said = (text: string) => `<priority>${text}</priority>`
  for (const [text, passed, priority] of [
    ['-128', said('-128'), -128],
    ['127', said('127'), 127],
    ['+5', said('+5'), 5],
    ['0005', said('0005'), 5],
    ['', '', 0],
    [' 7 ', said(' 7 '), 7],
    ['128', said('127'), 127],
    ['-129', said('-128'), -128],
    ['9'.repeat(400), said('127'), 127],
    ['1.5', '', 0],
    ['1e2', '', 0],
    ['0x10', '', 0],
    ['٣', '', 0],
    ['NaN', '', 0],
    ['high', '', 0],
    ['<x/>', '', 0],
  ] as const)
    test(`"${text.slice(0, 9)}" costs nobody the presence`, async () => {
      using p = play()
      const romeo = await p.bound('romeo@bix.org/orchard')
      romeo.sends(`<presence id='x'>${said(text)}<status>here</status></presence>`)
      const heard = here(romeo.jid, romeo.jid, `${passed}<status>here</status>`)
      await romeo.receives(heard.replace(' from', ` id='x' from`))
      const [session] = p.world.sessions.of('romeo@bix.org')
      expect([session?.available, session?.priority]).toEqual([true, priority])
      await romeo.hearsNothing()
    })

  test('directed presence has one as well, and a second one does no harm', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    romeo.sends(`<presence to='juliet@bix.org'>${said('5')}${said('high')}${said('1000')}</presence>`)
    await juliet.receives(here(romeo.jid, 'juliet@bix.org', said('5') + said('127')))
    await romeo.hearsNothing()
  })
})

describe('COMPAT(old iOS apps): type="available"', () => {
  test.each(['available', ''])(
    'type="%s" is available presence, the first one with what waited',
    async (type) => {
      using p = play()
      await friends(p)
      const juliet = await p.online('juliet@bix.org/balcony')
      juliet.sends(`<message to='romeo@bix.org' type='chat'><body>hist!</body></message>`)
      await calm(juliet)
      const romeo = await p.bound('romeo@bix.org/orchard')
      romeo.sends(`<presence type='${type}'><show>chat</show></presence>`)
      await romeo.settles()
      expect(romeo.heard.map(String).join('')).toContain('hist!')
      const own = romeo.heard.find(({ name }) => name === 'presence')
      expect([own?.attrs.from, own?.attrs.type]).toEqual([romeo.jid, undefined])
      await juliet.receives(here(romeo.jid, 'juliet@bix.org', '<show>chat</show>'))
      romeo.transport.destroy()
      await juliet.receives(`<presence type='unavailable' from='${romeo.jid}' to='juliet@bix.org'/>`)
    },
  )

  test('directed, it arrives, and its end is told', async () => {
    using p = play()
    const romeo = await p.bound('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    romeo.sends(`<presence type='available' to='${juliet.jid}'/>`)
    await juliet.receives(here(romeo.jid, juliet.jid))
    romeo.transport.destroy()
    await juliet.receives(`<presence type='unavailable' from='${romeo.jid}' to='${juliet.jid}'/>`)
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

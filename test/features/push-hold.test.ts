/** How long a phone waits for another device: while somebody sits there, as far as that shows, and no longer. */
import { describe, expect, test } from 'bun:test'
import type { Actor } from '../support/actor.ts'
import { phoneOf } from '../support/phone.ts'
import { acks, chat, deskInUse, manages, passes, PUSH, says } from '../support/phones.ts'
import { restarted } from '../support/sm.ts'
import { type Play, play } from '../support/world.ts'

/** Nobody has touched the desk for long. */
async function idleDesk(p: Play): Promise<{ romeo: Actor; desk: Actor }> {
  const { romeo, desk } = await deskInUse(p)
  await passes(p, 60_000)
  return { romeo, desk }
}

const state = (name: string) =>
  `<message to='romeo@bix.org' type='chat'><${name} xmlns='http://jabber.org/protocol/chatstates'/></message>`
const CSI = (name: string) => `<${name} xmlns='urn:xmpp:csi:0'/>`

describe('a desk that nobody has touched for push.active_within', () => {
  test('keeps no phone quiet', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await idleDesk(p)
    await says(romeo, chat('hist!'), desk)
    await phone.rings({})
  })

  const signs: [what: string, xml: string][] = [
    ['a message to somebody', `<message to='nurse@bix.org' type='chat'><body>hm</body></message>`],
    ['typing', state('composing')],
    ['a chat that is looked at', state('active')],
    [
      'a marker',
      `<message to='nurse@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='m0'/></message>`,
    ],
    [
      'a reaction',
      `<message to='nurse@bix.org' type='chat'><reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>!</reaction></reactions></message>`,
    ],
    ['an app that comes to the front', CSI('inactive') + CSI('active')],
    ['a person who comes back', `<presence><show>away</show></presence><presence/>`],
    [
      'a mark of what was read (XEP-0490)',
      `<iq type='set' id='mds'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:mds:displayed:0'><item id='nurse@bix.org'><displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' by='juliet@bix.org' id='1'/></displayed></item></publish></pubsub></iq>`,
    ],
  ]
  for (const [what, xml] of signs)
    test(`is in use again by ${what}`, async () => {
      using p = play({ toml: PUSH })
      await using phone = await phoneOf(p)
      await p.account('nurse@bix.org')
      const { romeo, desk } = await idleDesk(p)
      await says(desk, xml)
      await says(romeo, chat('hist!'), desk)
      await passes(p, 29_999)
      await phone.isSilent()
      await passes(p, 1)
      await phone.rings({})
    })

  const own: [what: string, xml: string][] = [
    ['a receipt', `<message to='romeo@bix.org'><received xmlns='urn:xmpp:receipts' id='m0'/></message>`],
    [
      'a marker that it has come',
      `<message to='romeo@bix.org'><received xmlns='urn:xmpp:chat-markers:0' id='m0'/></message>`,
    ],
    ['a chat that nobody looks at', state('inactive')],
    ['a ping', `<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>`],
    ['presence of the same kind', '<presence><priority>5</priority></presence>'],
  ]
  for (const [what, xml] of own)
    test(`is not in use by ${what}, which the app sends by itself`, async () => {
      using p = play({ toml: PUSH })
      await using phone = await phoneOf(p)
      const { romeo, desk } = await idleDesk(p)
      await says(desk, xml)
      await says(romeo, chat('hist!'), desk)
      await phone.rings({})
    })
})

describe('the wait ends', () => {
  const ends: [what: string, act: (desk: Actor, p: Play) => Promise<unknown>][] = [
    ['the desk goes behind', (desk) => says(desk, CSI('inactive'))],
    ['its person is away', (desk) => says(desk, '<presence><show>away</show></presence>')],
    ['its person is away for long', (desk) => says(desk, '<presence><show>xa</show></presence>')],
    [
      'its person has not touched it (XEP-0319)',
      (desk) =>
        says(desk, `<presence><idle xmlns='urn:xmpp:idle:1' since='2026-01-01T00:00:00Z'/></presence>`),
    ],
    ['it is not there any more', (desk) => says(desk, `<presence type='unavailable'/>`)],
    ['it says goodbye', (desk, p) => (desk.sends('</stream:stream>'), passes(p, 0))],
    [
      'its stream is gone',
      (desk, p) => (desk.transport.destroy(), passes(p, 0).then(() => passes(p, 1_000))),
    ],
  ]
  for (const [what, act] of ends)
    test(`the moment that ${what}`, async () => {
      using p = play({ toml: PUSH })
      await using phone = await phoneOf(p)
      const { romeo, desk } = await deskInUse(p)
      await says(romeo, chat('hist!'), desk)
      await phone.isSilent()
      await act(desk, p)
      await phone.rings({})
      await passes(p, 60_000)
      await phone.isSilent()
    })

  test('with a stream that may come back (XEP-0198), which has acknowledged the message', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await deskInUse(p)
    await manages(desk)
    await says(romeo, chat('hist!'), desk)
    await acks(desk, 1)
    desk.transport.destroy()
    await passes(p, 0)
    await passes(p, 1_000)
    await phone.rings({})
  })

  test('not while another is in use', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await deskInUse(p)
    const pad = await p.online('juliet@bix.org/pad')
    await says(romeo, chat('hist!'), desk)
    await says(desk, CSI('inactive'))
    await phone.isSilent()
    await says(pad, CSI('inactive'))
    await phone.rings({})
  })

  test('not by `dnd`, which says that somebody is there and busy', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await deskInUse(p)
    // An app that marks what was read; of any other a new presence shows that it was looked at.
    await says(
      desk,
      `<message to='nurse@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='m0'/></message>`,
    )
    await says(romeo, chat('hist!'), desk)
    await says(desk, '<presence><show>dnd</show></presence>')
    await phone.isSilent()
    await passes(p, 30_000)
    await phone.rings({})
  })

  test('when the desk has been idle for push.active_within, and later by a new sign, though never after push.hold', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await deskInUse(p)
    await passes(p, 50_000)
    await says(romeo, chat('one'), desk)
    await passes(p, 9_999)
    await phone.isSilent()
    await passes(p, 1)
    await phone.rings({ badge: 1 })
    await says(desk, state('composing'))
    await passes(p, 50_000)
    await says(romeo, chat('two'), desk)
    await passes(p, 9_000)
    await says(desk, state('composing'))
    await passes(p, 20_999)
    await phone.isSilent()
    await passes(p, 1)
    await phone.rings({ badge: 2 })
  })

  test('push.active_within is the operator’s', async () => {
    using p = play({ toml: PUSH.replace('[push]', '[push]\nactive_within = "5s"') })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await deskInUse(p)
    await says(romeo, chat('hist!'), desk)
    await passes(p, 5_000)
    await phone.rings({})
  })

  test('a restart in the midst: it rings at its time, and no later', async () => {
    await restarted(
      async (p) => {
        const { romeo, desk } = await deskInUse(p)
        await manages(desk)
        await says(romeo, chat('hist!'), desk)
        await acks(desk, 1)
      },
      async (p) => {
        await using phone = await phoneOf(p)
        await phone.isSilent()
        await passes(p, 30_000)
        await phone.rings({})
      },
      PUSH,
    )
  })
})

describe('urn:xmpp:push2:0: an app that says its grace', () => {
  /** The phone of the plays has one of its own; a second has the operator's. */
  async function graceful(p: Play, grace: number) {
    const cast = await deskInUse(p, ['phone', 'pad'])
    await p.router.run((t) => {
      const account = t.store.accounts.find('juliet@bix.org')!
      const [device] = t.store.push.devices.of(account.id)
      const { kind, topic, address, sessionKey } = device!
      const options = { grace }
      const same = { kind, topic, address, sessionKey, assumed: 'production', options }
      t.store.push.devices.enable(account.id, same, t.now, 10)
    })
    return cast
  }

  test('has its own time since others were touched, beside a device that has the server’s', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await graceful(p, 20_000)
    await passes(p, 5_000)
    await says(romeo, chat('hist!'), desk)
    await passes(p, 14_999)
    await phone.isSilent()
    await passes(p, 1)
    await phone.rings({})
    await phone.other(2).isSilent()
    await passes(p, 15_000)
    await phone.other(2).rings({})
  })

  test('longer than the server’s as well, and none at all', async () => {
    for (const grace of [90_000, 0]) {
      using p = play({ toml: PUSH })
      await using phone = await phoneOf(p)
      const { romeo, desk } = await graceful(p, grace)
      await says(romeo, chat('hist!'), desk)
      if (grace > 0) {
        await passes(p, grace - 1)
        await phone.isSilent()
        await passes(p, 1)
      }
      await phone.rings({})
      expect(p.fatal).toEqual([])
    }
  })
})

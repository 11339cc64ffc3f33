/** Contacts that have joined by an invitation (XEP-0401, XEP-0379) ring who made it, where that was wished. */
import { expect, test } from 'bun:test'
import { makeInvite } from '../../src/accounts/invites.ts'
import { doorOf } from '../support/door.ts'
import { explain, phoneOf } from '../support/phone.ts'
import { cast, PUSH, settle } from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'

const JOINED = PUSH.replace('[push]', '[push]\njoined = true')
const REGISTER = `<query xmlns='jabber:iq:register'><username>tybalt</username><password>swear not by the moon</password></query>`

const preauth = (token: string) => `<preauth xmlns='urn:xmpp:pars:0' token='${token}'/>`

/** Juliet's phone is registered and gone; she has made an invitation. */
async function invites(p: Play): Promise<string> {
  await cast(p)
  const { uri } = await p.router.run((t) => {
    const inviter = t.store.accounts.find('juliet@bix.org')
    return makeInvite(t, { host: 'bix.org', inviter, register: true, contact: true })
  })
  return /preauth=([0-9a-f]{32})/.exec(uri)?.[1] ?? ''
}

async function registers(p: Play, token: string): Promise<void> {
  const guest = p.connect()
  await guest.opens('bix.org')
  await guest.asks('set', preauth(token))
  expect((await guest.asks('set', REGISTER)).attrs.type).toBe('result')
  await settle(p)
}

const wishes = (p: Play, joined: boolean, quiet: unknown = null) =>
  doorOf(p)('PUT', '/v1/me/push-settings', { quiet, unknown_senders: true, joined }, 'juliet@bix.org')

for (const [what, toml, wish, rings] of [
  ['does not ring by itself', PUSH, undefined, false],
  ['rings with push.joined', JOINED, undefined, true],
  ['rings by the person’s wish', PUSH, true, true],
  ['does not ring against it', JOINED, false, false],
] as const)
  test(`who gets an account by the invitation ${what}`, async () => {
    using p = play({ toml })
    await using phone = await phoneOf(p)
    const token = await invites(p)
    if (wish !== undefined) expect((await wishes(p, wish)).status).toBe(200)
    await registers(p, token)
    await phone.rings(
      ...(rings
        ? [{ title: 'tybalt', body: 'has joined by your invitation', badge: 0, from: 'tybalt@bix.org' }]
        : []),
    )
  })

test('so does who has an account and becomes a contact by it', async () => {
  using p = play({ toml: JOINED })
  await using phone = await phoneOf(p)
  const token = await invites(p)
  const nurse = await p.online('nurse@bix.org/hall')
  nurse.sends(`<presence to='juliet@bix.org' type='subscribe'>${preauth(token)}</presence>`)
  await nurse.settles()
  await settle(p)
  expect((await phone.shows()).map(({ body, title }) => [title, body])).toContainEqual([
    'nurse',
    'has joined by your invitation',
  ])
})

test('quiet hours keep it quiet, and explain says so', async () => {
  using p = play({ toml: JOINED })
  await using phone = await phoneOf(p)
  const token = await invites(p)
  await wishes(p, true, { from: '00:00', to: '23:59', zone: 'UTC' })
  await registers(p, token)
  await phone.isSilent()
  expect(await explain(p)).toEqual(['not rung: it came in the quiet hours'])
})

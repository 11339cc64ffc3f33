/** XEP-0133: lists, last logins and rosters for administrators. */
import { expect, test } from 'bun:test'
import { child, elements } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { commandOf, commandText, type Fields, resultOf, runs, submits } from '../support/commands.ts'
import { play, type Play } from '../support/world.ts'

const ADMIN = 'http://jabber.org/protocol/admin#'

async function house(): Promise<{
  p: Play
  run: (name: string, fields: Fields) => ReturnType<typeof runs>
  nurse: Actor
}> {
  const p = play()
  p.config.admins = ['nurse@bix.org']
  const nurse = await p.online('nurse@bix.org/kitchen')
  return { p, nurse, run: (name, fields) => runs(nurse, ADMIN + name, fields) }
}

test('§4.20, §4.21: the registered and the disabled of the host that is asked, as many as wanted', async () => {
  const { p, run } = await house()
  using _ = p
  for (const jid of ['juliet@bix.org', 'romeo@bix.org', 'rosaline@other.example']) await p.account(jid)
  const romeo = p.store.accounts.find('romeo@bix.org')
  await p.router.run((t) => romeo && t.store.accounts.setDisabled(romeo, true))
  const all = ['juliet@bix.org', 'nurse@bix.org', 'romeo@bix.org']
  const list = async (name: string, max: string) =>
    resultOf(await run(name, { max_items: max }), `${name.split('-')[1]}userjids`)
  expect(await list('get-registered-users-list', '100')).toEqual(all)
  expect(await list('get-registered-users-list', 'none')).toEqual(all)
  expect(await list('get-registered-users-list', '2')).toEqual(all.slice(0, 2))
  expect(await list('get-disabled-users-list', '100')).toEqual(['romeo@bix.org'])
  expect(await list('get-online-users-list', '100')).toEqual(['nurse@bix.org'])
})

test('§4.18, §4.19: how many are registered and disabled', async () => {
  const { p, nurse } = await house()
  using _ = p
  await p.account('romeo@bix.org')
  const romeo = p.store.accounts.find('romeo@bix.org')
  await p.router.run((t) => romeo && t.store.accounts.setDisabled(romeo, true))
  const num = async (name: string) => {
    const answer = await nurse.asks('set', commandText(ADMIN + name), 'bix.org')
    return resultOf(commandOf(answer), `${name.split('-')[1]}usersnum`)
  }
  expect(await num('get-registered-users-num')).toEqual(['2'])
  expect(await num('get-disabled-users-num')).toEqual(['1'])
})

test('§4.9: when users were last here: now, then, or never', async () => {
  const { p, run } = await house()
  using _ = p
  const juliet = await p.online('juliet@bix.org/phone')
  const left = new Date(p.clock.now()).toISOString()
  juliet.sends('</stream:stream>')
  await p.router.run(() => {})
  await p.router.run(() => {})
  p.clock.advance(60_000)
  await p.account('romeo@bix.org')
  const jids = ['juliet@bix.org', 'romeo@bix.org', 'nurse@bix.org']
  const answer = await run('get-user-lastlogin', { accountjids: jids })
  expect(resultOf(answer, 'accountjids')).toEqual(jids)
  expect(resultOf(answer, 'lastlogin')).toEqual([left, '', new Date(p.clock.now()).toISOString()])
})

test('§4.8: the contacts of a user, as the user’s own client would get them', async () => {
  const { p, run } = await house()
  using _ = p
  const juliet = await p.online('juliet@bix.org/phone')
  await juliet.asks(
    'set',
    `<query xmlns='jabber:iq:roster'><item jid='romeo@bix.org' name='R &amp; M'><group>Orchard</group></item></query>`,
  )
  const command = await run('get-user-roster', { accountjids: 'juliet@bix.org' })
  const query = child(command, 'query', 'jabber:iq:roster')
  const [item] = query ? elements(query) : []
  expect(item?.attrs).toMatchObject({ jid: 'romeo@bix.org', name: 'R & M', subscription: 'none' })
  expect(item && child(item, 'group')?.toString()).toContain('Orchard')
})

test('§5: an account that is not there, or of another host of ours, is refused as such', async () => {
  const { p, nurse } = await house()
  using _ = p
  for (const name of ['get-user-roster', 'get-user-lastlogin']) {
    const answer = await submits(nurse, ADMIN + name, { accountjids: ['nurse@bix.org', 'nobody@bix.org'] })
    expect(child(answer, 'error')?.toString()).toContain('item-not-found')
    const foreign = await submits(nurse, ADMIN + name, { accountjids: 'x@elsewhere.example' })
    expect(child(foreign, 'error')?.toString()).toContain('bad-request')
  }
})

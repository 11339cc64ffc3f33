/** Debian's slixmpp over TCP and STARTTLS: chat, history, carbons, a cut network and a restart. */
import { expect } from 'bun:test'
import { Cable } from '../support/cable.ts'
import { befriend, says, times, watches } from './contact.ts'
import { Slixmpp, slixmppTest } from './slixmpp.ts'
import { wire } from './support.ts'

slixmppTest('slixmpp over a cut network and a restart: each message once', async () => {
  // COMPAT(slixmpp, 1.8.3): it binds channels by tls-unique only, which TLS 1.3 does not have.
  await using own = await wire({ auth: 'channel_binding = false' })
  for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await own.account(jid)
  await befriend(own)
  await using cable = await Cable.to(own.port('c2s'))
  let romeo = await watches(own)
  const juliet = new Slixmpp(cable.port, 'juliet@bix.org/balcony')
  const desk = new Slixmpp(own.port('c2s'), 'juliet@bix.org/desk')
  for (const client of [juliet, desk]) await client.tells('started')
  romeo.send(says('before'))
  for (const client of [juliet, desk]) await client.tells('message')
  desk.does('say romeo@bix.org from the desk')
  expect(await romeo.body()).toBe('from the desk')
  await juliet.tells('carbon')
  await desk.quits()
  await romeo.until(({ attrs }) => attrs.from === 'juliet@bix.org/desk' && attrs.type === 'unavailable')
  const before = romeo.text.length

  cable.cut()
  romeo.send(says('into the dark'))
  await romeo.ping()
  cable.mend()
  await juliet.tells('resumed')
  await juliet.tells('message', 2)
  await romeo.ping()
  // Whoever resumes was never gone.
  expect(romeo.text.slice(before)).not.toContain('unavailable')

  romeo.send(says('just before the end'))
  await romeo.ping()
  await own.restart()
  romeo = await watches(own)
  await juliet.tells('resumed', 2)
  romeo.send(says('after it'))
  await juliet.tells('message', 4)
  juliet.does('say romeo@bix.org at last')
  expect(await romeo.body()).toBe('at last')
  await romeo.ping()
  expect(times(romeo, 'at last')).toBe(1)
  juliet.does('history')
  const history = ['before', 'from the desk', 'into the dark', 'just before the end', 'after it', 'at last']
  expect((await juliet.tells('history')).bodies).toEqual(history)
  expect(juliet.bodies()).toEqual(['before', 'into the dark', 'just before the end', 'after it'])
  expect(juliet.bodies('carbon')).toEqual(['from the desk'])
  await juliet.quits()
  romeo.close()
})

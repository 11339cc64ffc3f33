/** XEP-0133: the message of the day and of welcome. */
import { describe, expect, test } from 'bun:test'
import { childText } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { commandOf, commandText, runs } from '../support/commands.ts'
import { play, type Play } from '../support/world.ts'

const ADMIN = 'http://jabber.org/protocol/admin#'

async function house(): Promise<{
  p: Play
  nurse: Actor
  run: (name: string, text: string) => Promise<void>
}> {
  const p = play()
  p.config.admins = ['nurse@bix.org']
  const nurse = await p.online('nurse@bix.org/kitchen')
  const run = async (name: string, text: string) => {
    await runs(nurse, ADMIN + name, { [name.split('-')[1] ?? '']: text.split('\n') })
  }
  return { p, nurse, run }
}

/** Comes with a presence; the bodies that the server itself has sent since. */
async function comes(p: Play, jid: string): Promise<{ actor: Actor; heard: () => Promise<string[]> }> {
  const actor = await p.bound(jid)
  actor.sends('<presence/>')
  const heard = async () => {
    await actor.settles()
    return actor.heard.flatMap((el) =>
      el.name === 'message' && el.attrs.from === 'bix.org' ? [childText(el, 'body') ?? ''] : [],
    )
  }
  return { actor, heard }
}

async function goes(p: Play, actor: Actor): Promise<void> {
  actor.sends('</stream:stream>')
  for (let i = 0; i < 3; i++) await p.router.run(() => {})
}

describe('§4.26 the message of the day', () => {
  test('is heard at once by who is there, once by others when they come, also after a restart', async () => {
    const { p, run } = await house()
    using _ = p
    const juliet = await comes(p, 'juliet@bix.org/phone')
    await run('set-motd', 'Supper at eight.\nBring wine.')
    expect(await juliet.heard()).toEqual(['Supper at eight.\nBring wine.'])
    juliet.actor.sends('<presence><show>away</show></presence>')
    expect(await juliet.heard()).toHaveLength(1)
    const tablet = await comes(p, 'juliet@bix.org/tablet')
    expect(await tablet.heard()).toEqual([])
    p.clock.advance(1_000)
    await goes(p, juliet.actor)
    await goes(p, tablet.actor)
    expect(await (await comes(p, 'juliet@bix.org/phone')).heard()).toEqual([])
    const romeo = await comes(p, 'romeo@bix.org/orchard')
    expect(await romeo.heard()).toEqual(['Supper at eight.\nBring wine.'])
    const other = await comes(p, 'rosaline@other.example/home')
    expect(await other.heard()).toEqual([])
  })

  test('§4.27, §4.28: is corrected for those to come, and ends', async () => {
    const { p, nurse, run } = await house()
    using _ = p
    const juliet = await comes(p, 'juliet@bix.org/phone')
    await run('set-motd', 'Supper at eight')
    await run('edit-motd', 'Supper at nine')
    expect(await juliet.heard()).toEqual(['Supper at eight'])
    expect(await (await comes(p, 'romeo@bix.org/orchard')).heard()).toEqual(['Supper at nine'])
    const begun = await nurse.asks('set', commandText(`${ADMIN}edit-motd`), 'bix.org')
    expect(commandOf(begun).toString()).toContain('<value>Supper at nine</value>')
    await nurse.asks('set', commandText(`${ADMIN}delete-motd`), 'bix.org')
    expect(await (await comes(p, 'paris@bix.org/home')).heard()).toEqual([])
  })
})

test('§4.29, §4.30 the message of welcome is for the first login of an account, and no later one', async () => {
  const { p, nurse, run } = await house()
  using _ = p
  await run('set-welcome', 'Welcome to Verona')
  const juliet = await comes(p, 'juliet@bix.org/phone')
  expect(await juliet.heard()).toEqual(['Welcome to Verona'])
  const tablet = await comes(p, 'juliet@bix.org/tablet')
  expect(await tablet.heard()).toEqual([])
  await goes(p, tablet.actor)
  await goes(p, juliet.actor)
  expect(await (await comes(p, 'juliet@bix.org/phone')).heard()).toEqual([])
  await nurse.asks('set', commandText(`${ADMIN}delete-welcome`), 'bix.org')
  expect(await (await comes(p, 'romeo@bix.org/orchard')).heard()).toEqual([])
})

test('who has set and ended them is in the audit, with the text before and after', async () => {
  const { p, run } = await house()
  using _ = p
  await run('set-motd', 'one')
  await run('set-motd', 'two')
  const [row] = p.store.audit.page({}, undefined, 1)
  expect(row).toMatchObject({ event: 'message of the day set', by: 'nurse@bix.org/kitchen' })
  expect(JSON.parse(row?.facts ?? '{}')).toEqual({ host: 'bix.org', before: 'one', after: 'two' })
})

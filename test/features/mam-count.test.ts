/** How many messages there are (XEP-0059 §2.7), and what that says of the archive (XEP-0313 §4.3). */
import { expect, test } from 'bun:test'
import { child, childText } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { play } from '../support/world.ts'

const MAM = 'urn:xmpp:mam:2'
const RSM = 'http://jabber.org/protocol/rsm'

async function counted(actor: Actor): Promise<{ complete: boolean; count: string | undefined }> {
  const page = `<set xmlns='${RSM}'><max>0</max></set>`
  const answer = await actor.asks('set', `<query xmlns='${MAM}'>${page}</query>`)
  const fin = child(answer, 'fin', MAM)
  const set = fin && child(fin, 'set', RSM)
  return { complete: fin?.attrs.complete === 'true', count: set && childText(set, 'count') }
}

test('XEP-0313 §4.3: who only counts has not been given the last page, unless there is nothing', async () => {
  using p = play()
  const juliet = await p.online('juliet@bix.org/balcony')
  expect(await counted(juliet)).toEqual({ complete: true, count: '0' })
  juliet.sends(`<message type='chat'><body>note</body></message>`)
  await juliet.settles()
  expect(await counted(juliet)).toEqual({ complete: false, count: '1' })
})

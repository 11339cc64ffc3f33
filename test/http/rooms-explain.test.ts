/** `push explain` of messages of rooms: which room, and whose rule decided. */
import { expect, test } from 'bun:test'
import { publishFor } from '../../src/accounts/pep/publish.ts'
import { features } from '../../src/features/index.ts'
import { parseStored } from '../../src/xmpp/stored.ts'
import { basic, type HttpWorld, JULIET, ROMEO, startHttp } from './support.ts'

const VERONA = 'verona@conference.bix.org'

interface Verdict {
  jid: string
  verdict: string
  rule: string
  room: string | null
  room_rule: string | null
}
interface Explanation {
  jid: string
  findings: string[]
  verdicts: Verdict[]
}

async function group(w: HttpWorld, settings: Record<string, unknown> = {}): Promise<void> {
  for (const [jid, digit] of [
    [ROMEO, 'a'],
    [JULIET, 'c'],
  ] as const)
    await w.call('POST', '/v1/me/devices', { as: basic(jid), body: { token: digit.repeat(64) } })
  await w.call('POST', '/v1/rooms', {
    as: 'operator',
    body: { jid: VERONA, invite: false, members: [{ jid: ROMEO }, { jid: JULIET }], settings },
  })
}

async function says(w: HttpWorld, body: string): Promise<string> {
  await w.call('POST', `/v1/rooms/${VERONA}/messages`, { as: 'operator', body: { body } })
  for (let n = 0; n < 20; n++) await w.router.run(() => {})
  const page = await w.call('GET', `/v1/rooms/${VERONA}/messages?limit=1`, { as: 'operator' })
  return ((await page.json()) as { items: { stanza_id: string }[] }).items[0]?.stanza_id ?? ''
}

const explain = async (w: HttpWorld, query: string): Promise<Explanation> =>
  (await (await w.call('GET', `/v1/push/explain?${query}`, { as: 'operator' })).json()) as Explanation

const never = `<conference xmlns="urn:xmpp:bookmarks:1"><extensions><notify xmlns="urn:xmpp:notification-settings:1"><never/></notify></extensions></conference>`

test('by account: the room and the rule that held there', async () => {
  using w = await startHttp((config) => void (config.push.simulator = true), features)
  await group(w, { members_only: false })
  await says(w, 'hark')
  const [first] = (await explain(w, `jid=${JULIET}`)).verdicts
  expect([first?.verdict, first?.room, first?.room_rule]).toEqual([
    'suppressed',
    VERONA,
    'on-mention, by default',
  ])
  await w.router.run((t) => {
    const account = t.store.accounts.find(JULIET)!
    publishFor(t, account, 'urn:xmpp:bookmarks:1', {}, { id: VERONA, payload: parseStored(never) })
  })
  await says(w, 'hark, juliet')
  const [second] = (await explain(w, `jid=${JULIET}`)).verdicts
  expect([second?.verdict, second?.room_rule]).toEqual(['suppressed', 'never, by the account, mentioned'])
})

test('by the id in the room’s archive: of all its members', async () => {
  using w = await startHttp((config) => void (config.push.simulator = true), features)
  await group(w, { members_only: false })
  const id = await says(w, 'juliet, hark')
  const found = await explain(w, `message=${id}`)
  expect(found.jid).toBe(VERONA)
  expect(found.findings[0]).toContain('decided for 1 of its members')
  // What is to be sent has its verdict when it was.
  expect(found.verdicts.map(({ jid, room_rule }) => [jid, room_rule])).toEqual([
    [ROMEO, 'on-mention, by default'],
  ])
  const job = w.store.push.waiting(0, 10).find(({ account }) => account === JULIET)!
  await w.router.run((t) => t.store.push.done(job, 'sent', 'body', undefined, t.now))
  const both = await explain(w, `message=${id}`)
  expect(both.verdicts.map(({ jid, verdict }) => `${jid} ${verdict}`)).toEqual([
    `${ROMEO} suppressed`,
    `${JULIET} sent`,
  ])
  const other = await w.call('GET', '/v1/push/explain?message=99', { as: 'operator' })
  expect(other.status).toBe(404)
})

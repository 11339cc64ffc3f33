import { describe, expect, test } from 'bun:test'
import { ask, done, formOf, slow } from '../../src/accounts/commands.ts'
import type { Command } from '../../src/routing/transit.ts'
import { child, childText, type Element, elements, firstElement, xml } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { COMMANDS, commandOf, commandText } from '../support/commands.ts'
import { play, type Play } from '../support/world.ts'

const form = (title: string) => formOf('u:form', title, [{ name: 'n' }])
const everyone = () => true

/** One of each kind, for everyone but the last. */
const OURS: readonly Command[] = [
  { node: 'u:now', name: 'At once', may: everyone, start: () => done(xml('note', { type: 'info' }, 'done')) },
  {
    node: 'u:two',
    name: 'Two forms',
    may: everyone,
    start: () =>
      ask(form('first'), () => ask(form('second'), (_t, v) => done(xml('said', {}, v.get('n')?.[0]))), false),
  },
  {
    node: 'u:slow',
    name: 'Slow',
    may: everyone,
    start: () =>
      ask(form('slow'), () =>
        slow(
          () => Promise.resolve('work'),
          (_t, r) => done(xml('said', {}, r)),
        ),
      ),
  },
  { node: 'u:no', name: 'For nobody', may: () => false, start: () => done() },
]

/** A play in which these commands are there beside the server's own. */
function staged(toml = ''): Play {
  return play({ toml, extra: [{ name: 'ours', xeps: [], commands: OURS }] })
}

const actionsOf = (el: ReturnType<typeof commandOf>) => {
  const actions = child(el, 'actions')
  return { execute: actions?.attrs.execute, offered: actions && elements(actions).map(({ name }) => name) }
}
const titleOf = (el: ReturnType<typeof commandOf>) =>
  childText(child(el, 'x', 'jabber:x:data') ?? el, 'title')

async function says(actor: Actor, node: string, attrs: Record<string, string> = {}, n?: string) {
  return commandOf(
    await actor.asks('set', commandText(node, attrs, n === undefined ? undefined : { n }), 'bix.org'),
  )
}

const errorOf = (answer: Element, app: string) => child(child(answer, 'error') ?? answer, app, COMMANDS)

async function refused(actor: Actor, condition: string, app: string | undefined, text: string) {
  const answer = await actor.isRefused(condition, 'set', text, 'bix.org')
  if (app !== undefined) expect(errorOf(answer, app)).toBeDefined()
}

const items = `<query xmlns='http://jabber.org/protocol/disco#items' node='${COMMANDS}'/>`
const info = (node: string) => `<query xmlns='http://jabber.org/protocol/disco#info' node='${node}'/>`

describe('XEP-0050 §2: finding and running', () => {
  test('§2.1, §2.2, §5, XEP-0030 §4.2: the server says that it has commands, lists those that one may run, and describes each', async () => {
    using p = staged()
    const romeo = await p.online('romeo@bix.org/orchard')
    const server = await romeo.asks(
      'get',
      `<query xmlns='http://jabber.org/protocol/disco#info'/>`,
      'bix.org',
    )
    expect(server.toString()).toContain(`<feature var="${COMMANDS}"/>`)
    const query = firstElement(await romeo.asks('get', items, 'bix.org'))
    expect(query?.attrs.node).toBe(COMMANDS)
    const ours = query ? elements(query).filter(({ attrs }) => attrs.node?.startsWith('u:')) : []
    expect(ours.map(({ attrs }) => attrs.node)).toEqual(['u:now', 'u:two', 'u:slow'])
    expect(ours[0]?.attrs).toEqual({ jid: 'bix.org', node: 'u:now', name: 'At once' })
    expect(query?.children.map((el) => (typeof el === 'string' ? el : el.attrs.jid))).toEqual(
      query?.children.map(() => 'bix.org'),
    )
    expect((await romeo.asks('get', info(COMMANDS), 'bix.org')).toString()).toContain(
      '<identity category="automation" type="command-list"/>',
    )
    const one = (await romeo.asks('get', info('u:now'), 'bix.org')).toString()
    expect(one).toContain('<identity category="automation" type="command-node" name="At once"/>')
    expect(one).toContain(`<feature var="${COMMANDS}"/><feature var="jabber:x:data"/>`)
    await romeo.isRefused('forbidden', 'get', info('u:no'), 'bix.org')
    await romeo.isRefused('item-not-found', 'get', info('u:nowhere'), 'bix.org')
  })

  test('§2.4.1, §4.3: one that asks nothing is completed at once', async () => {
    using p = staged()
    const romeo = await p.online('romeo@bix.org/orchard')
    for (const attrs of [undefined, { action: 'execute' }]) {
      const el = await says(romeo, 'u:now', attrs)
      expect(el.attrs.status).toBe('completed')
      expect(child(el, 'note')?.toString()).toBe('<note type="info">done</note>')
    }
  })

  test('§2.4.2, §3.4, §4.2: forms follow each other, back and forth, and offer what may be done', async () => {
    using p = staged()
    const romeo = await p.online('romeo@bix.org/orchard')
    const first = await says(romeo, 'u:two')
    const { sessionid = '' } = first.attrs
    expect([first.attrs.status, titleOf(first)]).toEqual(['executing', 'first'])
    expect(actionsOf(first)).toEqual({ execute: 'next', offered: ['next'] })
    const second = await says(romeo, 'u:two', { sessionid, action: 'next' }, '1')
    expect([second.attrs.sessionid, titleOf(second)]).toEqual([sessionid, 'second'])
    expect(actionsOf(second)).toEqual({ execute: 'complete', offered: ['prev', 'complete'] })
    const back = await says(romeo, 'u:two', { sessionid, action: 'prev' })
    expect([titleOf(back), actionsOf(back).offered]).toEqual(['first', ['next']])
    await says(romeo, 'u:two', { sessionid }, '1')
    const last = await says(romeo, 'u:two', { sessionid, action: 'complete' }, '2')
    expect([last.attrs.status, childText(last, 'said')]).toEqual(['completed', '2'])
    // §3.3: its id is not used again.
    await refused(romeo, 'bad-request', 'bad-sessionid', commandText('u:two', { sessionid }, { n: '2' }))
  })

  test('§2.4.3: cancel is always allowed, is told so, and ends the session', async () => {
    using p = staged()
    const romeo = await p.online('romeo@bix.org/orchard')
    const { sessionid = '' } = (await says(romeo, 'u:two')).attrs
    expect((await says(romeo, 'u:two', { sessionid, action: 'cancel' })).attrs.status).toBe('canceled')
    await refused(romeo, 'bad-request', 'bad-sessionid', commandText('u:two', { sessionid }, { n: '2' }))
  })

  test('§4.1: an answer names command, session and state; what a client says of the state is ignored', async () => {
    using p = staged()
    const romeo = await p.online('romeo@bix.org/orchard')
    const first = await says(romeo, 'u:two', { status: 'completed' })
    const { sessionid = '' } = first.attrs
    expect(sessionid).not.toBe('')
    expect(first.attrs).toMatchObject({ node: 'u:two', status: 'executing' })
    const second = await says(romeo, 'u:two', { sessionid, status: 'canceled' }, '1')
    expect(second.attrs).toMatchObject({ node: 'u:two', sessionid, status: 'executing' })
    const last = await says(romeo, 'u:two', { sessionid, status: 'executing' }, '2')
    expect(last.attrs).toMatchObject({ node: 'u:two', sessionid, status: 'completed' })
    const now = await says(romeo, 'u:now')
    expect(now.attrs).toMatchObject({ node: 'u:now', status: 'completed' })
    expect(now.attrs.sessionid).toBeTruthy()
  })

  test('work that takes time is answered when it is done', async () => {
    using p = staged()
    const romeo = await p.online('romeo@bix.org/orchard')
    const { sessionid = '' } = (await says(romeo, 'u:slow')).attrs
    const last = await says(romeo, 'u:slow', { sessionid }, '1')
    expect([last.attrs.status, childText(last, 'said')]).toEqual(['completed', 'work'])
  })
})

test('XEP-0050 §2.4.3: what is cancelled while it is worked on is not done', async () => {
  using p = staged()
  const romeo = await p.online('romeo@bix.org/orchard')
  const { sessionid = '' } = (await says(romeo, 'u:slow')).attrs
  const iq = (id: string, command: string) => `<iq type='set' id='${id}' to='bix.org'>${command}</iq>`
  romeo.sends(
    iq('s', commandText('u:slow', { sessionid }, { n: '1' })) +
      iq('c', commandText('u:slow', { sessionid, action: 'cancel' })),
  )
  expect(commandOf(await romeo.answer('c')).attrs.status).toBe('canceled')
  expect(errorOf(await romeo.answer('s'), 'session-expired')).toBeDefined()
})

describe('XEP-0050 §4.4: what cannot be done', () => {
  test('actions, forms and ids that are wrong, each by its own word', async () => {
    using p = staged()
    const romeo = await p.online('romeo@bix.org/orchard')
    await refused(romeo, 'item-not-found', undefined, commandText('u:nowhere'))
    await refused(romeo, 'item-not-found', undefined, `<command xmlns='${COMMANDS}'/>`)
    await refused(romeo, 'forbidden', undefined, commandText('u:no'))
    await refused(romeo, 'bad-request', 'malformed-action', commandText('u:two', { action: 'jump' }))
    await refused(romeo, 'bad-request', 'bad-action', commandText('u:two', { action: 'prev' }))
    await refused(romeo, 'bad-request', 'bad-action', commandText('u:two', { action: 'cancel' }))
    await refused(romeo, 'bad-request', 'bad-sessionid', commandText('u:two', { sessionid: 'x' }))
    const { sessionid = '' } = (await says(romeo, 'u:two')).attrs
    await refused(romeo, 'bad-request', 'bad-action', commandText('u:two', { sessionid, action: 'prev' }))
    const early = commandText('u:two', { sessionid, action: 'complete' }, { n: '1' })
    await refused(romeo, 'bad-request', 'bad-action', early)
    await refused(romeo, 'bad-request', 'bad-payload', commandText('u:two', { sessionid }))
    await refused(
      romeo,
      'bad-request',
      'bad-payload',
      `<command xmlns='${COMMANDS}' node='u:two' sessionid='${sessionid}'><x xmlns='jabber:x:data' type='result'/></command>`,
    )
    // Nothing of that has ended the session.
    const second = await says(romeo, 'u:two', { sessionid }, '1')
    expect(titleOf(second)).toBe('second')
    const late = commandText('u:two', { sessionid, action: 'next' }, { n: '1' })
    await refused(romeo, 'bad-request', 'bad-action', late)
  })

  test('§3.3: a session belongs to one client, one command and one host', async () => {
    using p = staged()
    const romeo = await p.online('romeo@bix.org/orchard')
    const street = await p.online('romeo@bix.org/street')
    const { sessionid = '' } = (await says(romeo, 'u:two')).attrs
    await refused(street, 'bad-request', 'bad-sessionid', commandText('u:two', { sessionid }, { n: '1' }))
    await refused(romeo, 'bad-request', 'bad-sessionid', commandText('u:slow', { sessionid }, { n: '1' }))
    await romeo.isRefused(
      'bad-request',
      'set',
      commandText('u:two', { sessionid }, { n: '1' }),
      'other.example',
    )
  })

  test('limits.command_timeout: one that waited too long has expired', async () => {
    using p = staged(
      '[limits]\nrates = false\ncommand_timeout = "1m"\nidle_ping = "0s"\nidle_timeout = "0s"\n',
    )
    const romeo = await p.online('romeo@bix.org/orchard')
    const { sessionid = '' } = (await says(romeo, 'u:two')).attrs
    p.clock.advance(60_000)
    await says(romeo, 'u:two', { sessionid }, '1')
    p.clock.advance(60_001)
    await refused(romeo, 'not-allowed', 'session-expired', commandText('u:two', { sessionid }, { n: '2' }))
  })

  test('limits.commands_per_session: beyond it the oldest gives way', async () => {
    using p = staged('[limits]\nrates = false\ncommands_per_session = 2\n')
    const romeo = await p.online('romeo@bix.org/orchard')
    const ids: string[] = []
    for (let i = 0; i < 3; i++) ids.push((await says(romeo, 'u:two')).attrs.sessionid ?? '')
    expect(new Set(ids).size).toBe(3)
    const [oldest = '', ...others] = ids
    await refused(
      romeo,
      'bad-request',
      'bad-sessionid',
      commandText('u:two', { sessionid: oldest }, { n: '1' }),
    )
    for (const sessionid of others)
      expect(titleOf(await says(romeo, 'u:two', { sessionid }, '1'))).toBe('second')
  })
})

test('two commands of one node are a failed start', () => {
  const twice = { name: 'again', xeps: [], commands: OURS.slice(0, 1).concat(OURS.slice(0, 1)) }
  expect(() => play({ extra: [twice] })).toThrow('u:now')
})

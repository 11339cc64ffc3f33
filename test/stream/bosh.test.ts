import { createHash } from 'node:crypto'
import { describe, expect, test } from 'bun:test'
import { child, childText, type Element, elements } from '../../src/xmpp/xml.ts'
import { BIND, bosh, BoshActor, isOpen } from '../support/bosh.ts'
import { type Play, play } from '../support/world.ts'

const CLIENT = 'jabber:client'
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'
const message = (body: string, to = 'romeo@bix.org') =>
  `<message xmlns='${CLIENT}' to='${to}' type='chat'><body>${body}</body></message>`
/** Nobody answers this. */
const quiet = (body = '') =>
  `<message xmlns='${CLIENT}' to='nobody@bix.org' type='headline'><body>${body}</body></message>`
const bodyOf = (el: Element | undefined): string => (el && childText(el, 'body')) ?? ''
const bodies = (el: Element): string[] =>
  elements(el)
    .filter(({ name }) => name === 'message')
    .map(bodyOf)
const ended = (el: Element): string => `${el.attrs.type} ${el.attrs.condition ?? ''}`.trim()
const ITEM_NOT_FOUND = 'terminate item-not-found'
const POLICY = 'terminate policy-violation'

async function online(p: Play, attrs?: string): Promise<BoshActor> {
  if (!p.store.accounts.find('romeo@bix.org')) await p.account('romeo@bix.org')
  const romeo = await BoshActor.bound(p, 'romeo', attrs)
  await romeo.asks(p, `<presence xmlns='${CLIENT}'/>`)
  return romeo
}

describe('XEP-0124 §7: a session is made', () => {
  test('XEP-0124 §7.2: its answer says what was agreed, never more than was asked', async () => {
    using p = play()
    const romeo = new BoshActor(bosh(p))
    const el = await romeo.opens(`wait='30' hold='1'`)
    expect(romeo.terms).toMatchObject({
      wait: '30',
      hold: '1',
      requests: '2',
      inactivity: '60',
      polling: '2',
      maxpause: '120',
      ver: '1.6',
      from: 'bix.org',
      ack: '1573741820',
      'xmpp:version': '1.0',
      'xmpp:restartlogic': 'true',
      xmlns: BIND,
    })
    expect(child(el, 'features', 'http://etherx.jabber.org/streams')?.toString()).toContain('SCRAM-SHA-256')
    await romeo.opens(`wait='900' hold='7'`)
    expect([romeo.terms.wait, romeo.terms.hold]).toEqual(['55', '1'])
  })

  test('XEP-0124 §7.2: the sid cannot be guessed and is never the same', async () => {
    using p = play()
    const door = bosh(p)
    const sids = new Set<string>()
    for (let i = 0; i < 20; i++) {
      const actor = new BoshActor(door)
      await actor.opens()
      expect(actor.sid).toMatch(/^[\w-]{24}$/)
      sids.add(actor.sid)
    }
    expect(sids.size).toBe(20)
  })

  test.each([
    [`to='elsewhere.example'`, 'host-unknown'],
    [`to='a@@b'`, 'host-unknown'],
    [``, 'improper-addressing'],
    [`to='bix.org' wait='soon'`, 'bad-request'],
    [`to='bix.org' hold='-1'`, 'bad-request'],
  ])('XEP-0124 §17.2: %s cannot be', async (attrs, condition) => {
    using p = play()
    const door = bosh(p)
    const answer = await new BoshActor(door).posts(`<body xmlns='${BIND}' rid='1' ${attrs}/>`).answer
    expect(ended(answer)).toBe(`terminate ${condition}`)
    expect(await p.openStreams()).toBe(0)
  })

  test('XEP-0124 §7.1: the Content-Type is the one that was asked for, but never one that a browser would run', async () => {
    using p = play()
    const ask = async (content: string) => {
      const actor = new BoshActor(bosh(p))
      const attrs = `wait='1' hold='1' to='bix.org' ${content}`
      return actor.posts(`<body xmlns='${BIND}' rid='1' ${attrs}/>`).type
    }
    expect(await ask('')).toBe('text/xml; charset=utf-8')
    expect(await ask(`content='text/plain'`)).toBe('text/plain')
    expect(await ask(`content='text/html'`)).toBe('text/xml; charset=utf-8')
  })

  test('XEP-0206 §5: login, restart, bind and chat', async () => {
    using p = play()
    const juliet = await p.online('juliet@bix.org/balcony')
    const romeo = await online(p)
    const waits = romeo.sends()
    expect(await isOpen(waits.answer)).toBe(true)
    juliet.sends(`<message to='romeo@bix.org' type='chat'><body>Ay me</body></message>`)
    const heard = await waits.answer
    expect(bodies(heard)).toEqual(['Ay me'])
    expect(elements(heard)[0]?.attrs.xmlns).toBe(CLIENT)
    romeo.sends(message('She speaks', 'juliet@bix.org'))
    const el = await juliet.next()
    expect([bodyOf(el), el.attrs.from]).toEqual(['She speaks', 'romeo@bix.org/web'])
  })

  test('XEP-0206 §2: stanzas that inherit the wrapper’s namespace mean jabber:client', async () => {
    using p = play()
    const juliet = await p.online('juliet@bix.org/balcony')
    const romeo = await online(p)
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>She speaks</body></message>`)
    expect(bodyOf(await juliet.next())).toBe('She speaks')
  })

  test('XEP-0206 §5: between login and restart nothing is heard, and a bound stream is not restarted', async () => {
    using p = play()
    await p.account('romeo@bix.org')
    const romeo = new BoshActor(bosh(p))
    await romeo.opens()
    const plain = Buffer.from('\0romeo\0wherefore art thou').toString('base64')
    await romeo.sends(`<auth xmlns='${SASL}' mechanism='PLAIN'>${plain}</auth>`).answer
    const early = await romeo.sends(`<iq xmlns='${CLIENT}' type='get' id='x'/>`).answer
    expect(ended(early)).toBe('terminate remote-stream-error')
    expect(early.toString()).toContain('not-authorized')
    const other = await online(p)
    const again = await other.sends('', `xmpp:restart='true' to='bix.org'`).answer
    expect(again.toString()).toContain('bad-format')
  })
})

describe('XEP-0124 §8: answers', () => {
  test('an empty one after `wait`, to the second', async () => {
    using p = play()
    const romeo = await online(p, `wait='30' hold='1'`)
    const waits = romeo.sends()
    await isOpen(waits.answer)
    p.clock.advance(29_999)
    expect(await isOpen(waits.answer)).toBe(true)
    p.clock.advance(1)
    expect((await waits.answer).toString()).toBe(`<body xmlns="${BIND}"/>`)
  })

  test('one more than `hold` is answered at once, the oldest first, and says how far we have heard', async () => {
    using p = play()
    const romeo = await online(p)
    const first = romeo.sends()
    const second = romeo.sends(quiet())
    const empty = await first.answer
    expect(elements(empty)).toEqual([])
    // §9.1
    expect(empty.attrs.ack).toBe(String(romeo.rid - 1))
    expect(await isOpen(second.answer)).toBe(true)
  })

  test('what is said while nobody asks waits for the next request', async () => {
    using p = play()
    const romeo = await online(p)
    const juliet = await p.online('juliet@bix.org/balcony')
    for (const body of ['one', 'two'])
      juliet.sends(`<message to='romeo@bix.org' type='chat'><body>${body}</body></message>`)
    await juliet.settles()
    expect(bodies(await romeo.sends().answer)).toEqual(['one', 'two'])
  })

  test('XEP-0124 §14.2: requests are served and answered in their order, however they arrive', async () => {
    using p = play()
    const juliet = await p.online('juliet@bix.org/balcony')
    const romeo = await online(p)
    const one = romeo.body(message('one', 'juliet@bix.org'))
    const two = romeo.body(message('two', 'juliet@bix.org'))
    const later = romeo.posts(two)
    await juliet.hearsNothing()
    romeo.posts(one)
    expect([bodyOf(await juliet.next()), bodyOf(await juliet.next())]).toEqual(['one', 'two'])
    expect(await isOpen(later.answer)).toBe(true)
  })
})

describe('XEP-0124 §14: request ids', () => {
  test.each([2, 3, 1_000_000, -4])('XEP-0124 §14.2: an id that is off by %p ends the session', async (by) => {
    using p = play()
    const romeo = await online(p)
    const held = romeo.sends()
    const answer = await romeo.posts(romeo.body('', '', romeo.rid + by)).answer
    expect(ended(answer)).toBe(ITEM_NOT_FOUND)
    expect(ended(await held.answer)).toBe('terminate other-request')
    expect(p.world.sessions.count).toBe(0)
  })

  test('XEP-0124 §14.3: a lost answer can be had again, as often as it is asked for', async () => {
    using p = play()
    const romeo = await online(p)
    const juliet = await p.online('juliet@bix.org/balcony')
    const request = romeo.body()
    const lost = romeo.posts(request)
    juliet.sends(`<message to='romeo@bix.org' type='chat'><body>once</body></message>`)
    const first = (await lost.answer).toString()
    for (let i = 0; i < 2; i++) expect((await romeo.posts(request).answer).toString()).toBe(first)
    expect(await isOpen(romeo.sends().answer)).toBe(true)
  })

  test('XEP-0124 §14.3: as many answers are kept as requests may be made, and no more', async () => {
    using p = play()
    const romeo = await online(p)
    const juliet = await p.online('juliet@bix.org/balcony')
    const requests: string[] = []
    for (const body of ['one', 'two', 'three']) {
      requests.push(romeo.body())
      const { answer } = romeo.posts(requests.at(-1) ?? '')
      juliet.sends(`<message to='romeo@bix.org' type='chat'><body>${body}</body></message>`)
      await answer
    }
    expect(bodies(await romeo.posts(requests[1] ?? '').answer)).toEqual(['two'])
    expect(ended(await romeo.posts(requests[0] ?? '').answer)).toBe(ITEM_NOT_FOUND)
  })

  test('XEP-0124 §14.3: who comes again while held takes the place; the older gets a recoverable error', async () => {
    using p = play()
    const romeo = await online(p)
    const request = romeo.body(message('once', 'romeo@bix.org'))
    const older = romeo.posts(request)
    const echo = await older.answer
    expect(bodies(echo)).toEqual(['once'])
    const next = romeo.body()
    const [a, b] = [romeo.posts(next), romeo.posts(next)]
    expect(ended(await a.answer)).toBe('error')
    const juliet = await p.online('juliet@bix.org/balcony')
    juliet.sends(`<message to='romeo@bix.org' type='chat'><body>late</body></message>`)
    expect(bodies(await b.answer)).toEqual(['late'])
  })

  test('a request whose connection broke is not served twice, and what was said meanwhile is not lost', async () => {
    using p = play()
    const juliet = await p.online('juliet@bix.org/balcony')
    const romeo = await online(p)
    const request = romeo.body(message('once', 'juliet@bix.org'))
    romeo.posts(request).breaks()
    expect(bodyOf(await juliet.next())).toBe('once')
    juliet.sends(`<message to='romeo@bix.org' type='chat'><body>answer</body></message>`)
    await juliet.settles()
    expect(bodies(await romeo.posts(request).answer)).toEqual(['answer'])
    await juliet.hearsNothing()
  })
})

describe('XEP-0124 §10: inactivity', () => {
  test('a session without requests ends, one that is held does not', async () => {
    using p = play()
    const romeo = await online(p)
    p.clock.advance(59_000)
    const held = romeo.sends()
    await isOpen(held.answer)
    p.clock.advance(54_000)
    expect(p.world.sessions.count).toBe(1)
    p.clock.advance(1_000)
    await held.answer
    p.clock.advance(60_000)
    expect([p.world.sessions.count, await p.openStreams()]).toEqual([0, 0])
    expect(ended(await romeo.sends().answer)).toBe(ITEM_NOT_FOUND)
  })

  test('what is said to it does not keep it alive, and neither does a connection that broke', async () => {
    using p = play()
    const juliet = await p.online('juliet@bix.org/balcony')
    const romeo = await online(p)
    romeo.sends().breaks()
    for (let i = 0; i < 6; i++) {
      p.clock.advance(10_000)
      juliet.sends(`<message to='romeo@bix.org' type='chat'><body>${i}</body></message>`)
      await juliet.settles()
    }
    expect(p.world.sessions.countOf('romeo@bix.org')).toBe(0)
  })

  test('a pause is answered without payloads and lengthens the patience once', async () => {
    using p = play()
    const juliet = await p.online('juliet@bix.org/balcony')
    const romeo = await online(p)
    const held = romeo.sends()
    const pause = romeo.sends('', `pause='120'`)
    for (const { answer } of [held, pause]) expect(elements(await answer)).toEqual([])
    juliet.sends(`<message to='romeo@bix.org' type='chat'><body>wait</body></message>`)
    await juliet.settles()
    p.clock.advance(119_000)
    expect(bodies(await romeo.sends().answer)).toEqual(['wait'])
    p.clock.advance(60_000)
    expect(p.world.sessions.countOf('romeo@bix.org')).toBe(0)
  })

  test('a longer pause than was offered ends the session', async () => {
    using p = play()
    const romeo = await online(p)
    expect(ended(await romeo.sends('', `pause='121'`).answer)).toBe(POLICY)
  })
})

describe('XEP-0124 §11, §12: overactivity', () => {
  test('empty requests faster than `polling` end a session that holds', async () => {
    using p = play()
    const romeo = await online(p)
    p.clock.advance(5_000)
    romeo.sends()
    p.clock.advance(1_999)
    expect(ended(await romeo.sends().answer)).toBe(POLICY)
    const patient = await online(p)
    p.clock.advance(5_000)
    patient.sends()
    p.clock.advance(2_000)
    expect(await isOpen(patient.sends().answer)).toBe(true)
  })

  test.each([`wait='0' hold='1'`, `wait='30' hold='0'`])('XEP-0124 §12: polling with %s', async (attrs) => {
    using p = play()
    const juliet = await p.online('juliet@bix.org/balcony')
    const romeo = await online(p, attrs)
    expect([romeo.terms.hold, romeo.terms.requests, romeo.terms.inactivity]).toEqual(['0', '1', '62'])
    p.clock.advance(2_000)
    expect(elements(await romeo.sends().answer)).toEqual([])
    juliet.sends(`<message to='romeo@bix.org' type='chat'><body>news</body></message>`)
    await juliet.settles()
    p.clock.advance(2_000)
    expect(bodies(await romeo.sends().answer)).toEqual(['news'])
    // The one before brought something, so this is no empty poll after an empty poll.
    expect(elements(await romeo.sends().answer)).toEqual([])
    expect(ended(await romeo.sends().answer)).toBe(POLICY)
  })

  test('a stream that is held back takes no more than two bodies’ worth', async () => {
    using p = play({
      toml: `[limits]\nbytes_per_second = 1000\nbytes_burst = 20000\nstanza_bytes = 10000\nbosh_polling = "0s"\n`,
    })
    const romeo = await online(p)
    let last = ''
    for (let i = 0; i < 8 && last === ''; i++) {
      const { answer } = romeo.sends(quiet('x'.repeat(9_000)))
      if (!(await isOpen(answer))) last = ended(await answer)
    }
    expect(last).toBe(POLICY)
  })
})

describe('XEP-0124 §13: the end', () => {
  test('a goodbye with its last words; the oldest request hears `terminate`', async () => {
    using p = play()
    const juliet = await p.online('juliet@bix.org/balcony')
    const romeo = await online(p)
    const held = romeo.sends()
    await isOpen(held.answer)
    const last = romeo.sends(message('farewell', 'juliet@bix.org'), `type='terminate'`)
    expect(ended(await held.answer)).toBe('terminate')
    expect((await last.answer).toString()).toBe(`<body xmlns="${BIND}"/>`)
    expect(bodyOf(await juliet.next())).toBe('farewell')
    expect([p.world.sessions.countOf('romeo@bix.org'), await p.openStreams()]).toEqual([0, 1])
    expect(ended(await romeo.sends().answer)).toBe(ITEM_NOT_FOUND)
  })

  test('XEP-0206 §6: a stream error is told as remote-stream-error, behind what was said before', async () => {
    using p = play()
    const romeo = await online(p)
    const held = romeo.sends()
    await isOpen(held.answer)
    p.streams.stop()
    const el = await held.answer
    expect(ended(el)).toBe('terminate remote-stream-error')
    expect(child(el, 'error', 'http://etherx.jabber.org/streams')?.toString()).toContain('system-shutdown')
  })

  test('an error while nobody asks waits for the next request, for a while', async () => {
    using p = play()
    const romeo = await online(p)
    p.streams.stop()
    expect((await romeo.sends().answer).toString()).toContain('system-shutdown')
    using other = play()
    const late = await online(other)
    other.streams.stop()
    await other.router.run(() => undefined)
    other.clock.advance(5_000)
    expect(ended(await late.sends().answer)).toBe(ITEM_NOT_FOUND)
  })

  test('a store that no longer knows what it promised says nothing of it', async () => {
    using p = play()
    const romeo = await online(p)
    const held = romeo.sends()
    await isOpen(held.answer)
    p.streams.abort()
    expect(ended(await held.answer)).toBe('terminate remote-connection-failed')
  })
})

describe('XEP-0124 §15: key sequences', () => {
  const sha1 = (text: string) => createHash('sha1').update(text).digest('hex')
  const keys = (seed: string, n: number): string[] => {
    const list = [sha1(seed)]
    while (list.length < n) list.push(sha1(list.at(-1) ?? ''))
    return list
  }

  test('the right keys pass, whatever their case, and switch to a new sequence', async () => {
    using p = play()
    const romeo = new BoshActor(bosh(p))
    const [k1 = '', k2 = '', k3 = ''] = keys('seed', 3)
    const [n1 = '', n2 = ''] = keys('other', 2)
    await romeo.opens(`wait='60' hold='1' newkey='${k3}'`)
    const auth = `<auth xmlns='${SASL}' mechanism='SCRAM-SHA-9'/>`
    const tries = [`key='${k2.toUpperCase()}'`, `key='${k1}' newkey='${n2}'`, `key='${n1}'`]
    for (const attrs of tries) {
      const answer = await romeo.sends(auth, attrs).answer
      expect(answer.toString()).toContain('invalid-mechanism')
    }
  })

  test.each(['', `key='0000000000000000000000000000000000000000'`])(
    'XEP-0124 §15.4: with a wrong key or none nothing is served: %p',
    async (attrs) => {
      using p = play()
      const romeo = new BoshActor(bosh(p))
      const [, , k3 = ''] = keys('seed', 3)
      await romeo.opens(`wait='60' hold='1' newkey='${k3}'`)
      const answer = await romeo.sends(`<auth xmlns='${SASL}' mechanism='SCRAM-SHA-9'/>`, attrs).answer
      expect(ended(answer)).toBe(ITEM_NOT_FOUND)
      expect(await p.openStreams()).toBe(0)
    },
  )

  test('a kept answer is for who has its key', async () => {
    using p = play()
    const romeo = new BoshActor(bosh(p))
    const [, k2 = '', k3 = ''] = keys('seed', 3)
    await romeo.opens(`wait='60' hold='1' newkey='${k3}'`)
    const { rid } = romeo
    await romeo.sends(`<auth xmlns='${SASL}' mechanism='SCRAM-SHA-9'/>`, `key='${k2}'`).answer
    expect(ended(await romeo.posts(romeo.body('', '', rid)).answer)).toBe(ITEM_NOT_FOUND)
  })
})

describe('who may speak for a session', () => {
  test('XEP-0124 §19.1: a session inside TLS is not to be had, and not to be ended, without', async () => {
    using p = play()
    const romeo = await online(p)
    const outside = new BoshActor(romeo.door, { ip: '192.0.2.9', encrypted: false })
    outside.sid = romeo.sid
    outside.rid = romeo.rid
    expect(ended(await outside.sends('', `type='terminate'`).answer)).toBe(ITEM_NOT_FOUND)
    expect(ended(await outside.posts(`<body sid='${romeo.sid}' <`).answer)).toBe(ITEM_NOT_FOUND)
    expect(await isOpen(romeo.sends().answer)).toBe(true)
  })

  test('without TLS no mechanism is offered', async () => {
    using p = play()
    const romeo = new BoshActor(bosh(p), { ip: '192.0.2.9', encrypted: false })
    const features = (await romeo.opens()).toString()
    expect(features).not.toContain('mechanism')
    expect(features).not.toContain('starttls')
  })

  test('connections are counted together with all others', async () => {
    using p = play({ toml: `[limits]\nrates = true\nconnections_per_ip = 2\n` })
    const door = bosh(p)
    p.connect()
    expect((await new BoshActor(door).opens()).attrs.sid).toBeString()
    expect(ended(await new BoshActor(door).opens())).toBe(POLICY)
  })

  test('who does not log in is let go', async () => {
    using p = play()
    const romeo = new BoshActor(bosh(p))
    await romeo.opens()
    const held = romeo.sends()
    await isOpen(held.answer)
    p.clock.advance(30_000)
    expect((await held.answer).toString()).toContain('connection-timeout')
    expect(await p.openStreams()).toBe(0)
  })

  test('who asks for nothing is dropped once too much waits', async () => {
    using p = play({ toml: `[limits]\nrates = false\nsend_buffer_bytes = "20KB"\n` })
    const juliet = await p.online('juliet@bix.org/balcony')
    await online(p)
    for (let i = 0; i < 3; i++)
      juliet.sends(`<message to='romeo@bix.org' type='chat'><body>${'x'.repeat(9_000)}</body></message>`)
    await juliet.settles()
    expect([p.world.sessions.countOf('romeo@bix.org'), await p.openStreams()]).toEqual([0, 1])
  })
})

describe('bodies that are none', () => {
  test.each([
    ['nothing', ''],
    ['text', 'hello'],
    ['half a body', `<body xmlns='${BIND}' rid='1' to='bix.org'>`],
    [
      'two bodies',
      `<body xmlns='${BIND}' rid='1' to='bix.org'/><body xmlns='${BIND}' rid='1' to='bix.org'/>`,
    ],
    ['another element', `<iq xmlns='${BIND}' rid='1' to='bix.org'/>`],
    ['another namespace', `<body rid='1' to='bix.org'/>`],
    ['no rid', `<body xmlns='${BIND}' to='bix.org'/>`],
    ['a rid that is no number', `<body xmlns='${BIND}' rid='1e3' to='bix.org'/>`],
    ['a rid beyond 2^53', `<body xmlns='${BIND}' rid='9007199254740992' to='bix.org'/>`],
    ['case 1: a DOCTYPE', `<!DOCTYPE b [<!ENTITY a "b">]><body xmlns='${BIND}' rid='1' to='bix.org'/>`],
    ['case 5: a comment', `<body xmlns='${BIND}' rid='1' to='bix.org'><!-- x --></body>`],
    ['case 13: an unbound prefix', `<body xmlns='${BIND}' rid='1' to='bix.org'><a:b/></body>`],
    ['case 17: depth', `<body xmlns='${BIND}' rid='1' to='bix.org'>${'<a>'.repeat(100)}`],
    ['case 19: siblings', `<body xmlns='${BIND}' rid='1' to='bix.org'>${'<a/>'.repeat(100)}</body>`],
  ])('%s', async (_name, text) => {
    using p = play()
    const door = bosh(p)
    expect(ended(await new BoshActor(door).posts(text).answer)).toBe('terminate bad-request')
    expect(await p.openStreams()).toBe(0)
  })

  test('case 21: before login 8 kB, after it as much as a stanza may have', async () => {
    using p = play()
    await p.account('romeo@bix.org')
    const pad = (actor: BoshActor, size: number): string => {
      const frame = actor.body(quiet())
      return frame.replace('<body></body>', `<body>${'x'.repeat(size - frame.length)}</body>`)
    }
    const guest = new BoshActor(bosh(p))
    await guest.opens()
    expect(ended(await guest.posts(pad(guest, 8193)).answer)).toBe(POLICY)
    const romeo = await online(p)
    expect(await isOpen(romeo.posts(pad(romeo, 262_144)).answer)).toBe(true)
    expect(ended(await romeo.posts(pad(romeo, 262_145)).answer)).toBe(POLICY)
    expect(p.world.sessions.count).toBe(0)
  })

  test('a body whose first tag names one session and whose parser another is neither’s', async () => {
    using p = play()
    const romeo = await online(p)
    const forged = `<body x=' sid="${romeo.sid}"' xmlns='${BIND}' rid='${romeo.rid}' sid='other'/>`
    expect(ended(await romeo.posts(forged).answer)).toBe(ITEM_NOT_FOUND)
  })
})

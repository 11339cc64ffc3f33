import { describe, expect, test } from 'bun:test'
import { stanzas } from '../../src/metrics/metrics.ts'
import { child } from '../../src/xmpp/xml.ts'
import { type Actor, PASSWORD } from '../support/actor.ts'
import { play } from '../support/world.ts'
import { auth, encode, SASL, scram, verdict } from './scram-client.ts'

type P = ReturnType<typeof play>

const TLS = 'urn:ietf:params:xml:ns:xmpp-tls'
const BIND = 'urn:ietf:params:xml:ns:xmpp-bind'
const STARTTLS = `<starttls xmlns='${TLS}'/>`
const PLAIN = auth('PLAIN', encode(`\0romeo\0${PASSWORD}`))
const PING = `<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>`
const HEADER = `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='bix.org' version='1.0'>`
const bind = (resource?: string, id = 'b') =>
  `<iq type='set' id='${id}'><bind xmlns='${BIND}'>${resource === undefined ? '' : `<resource>${resource}</resource>`}</bind></iq>`

/** A stream that has logged in and not yet bound. */
async function authenticated(p: P, name = 'romeo', ip?: string): Promise<Actor> {
  if (!p.store.accounts.find(`${name}@bix.org`)) await p.account(`${name}@bix.org`)
  const actor = p.connect(ip === undefined ? {} : { ip })
  await actor.opens()
  await actor.authenticates(name)
  await actor.opens()
  return actor
}

describe('RFC 6120 §5: STARTTLS', () => {
  test('§5.3.1: required, and offered alone', async () => {
    using p = play()
    const actor = p.connect({ secure: false })
    const features = await actor.opens()
    expect(features.toString()).toBe(
      `<features xmlns="http://etherx.jabber.org/streams"><starttls xmlns="${TLS}"><required/></starttls></features>`,
    )
  })

  test('§5.4.2.3, §5.4.3.3: proceed, then a new stream with the login', async () => {
    using p = play()
    const actor = p.connect({ secure: false })
    await actor.opens()
    const { id } = actor.header
    actor.sends(STARTTLS)
    await actor.receives(`<proceed xmlns='${TLS}'/>`)
    await actor.isSecured()
    const features = await actor.opens()
    expect(actor.header.id).not.toBe(id ?? '')
    expect(child(features, 'starttls', TLS)).toBeUndefined()
    expect(child(features, 'mechanisms', SASL)).toBeDefined()
  })

  test('case 26: what follows starttls in the clear is never heard: not in its segment', async () => {
    using p = play()
    await p.account('romeo@bix.org')
    const actor = p.connect({ secure: false })
    await actor.opens()
    actor.sends(STARTTLS + PLAIN)
    await actor.isCutOff('policy-violation')
  })

  test('case 26: nor behind it, before proceed is out', async () => {
    using p = play()
    await p.account('romeo@bix.org')
    const actor = p.connect({ secure: false })
    await actor.opens()
    actor.sends(STARTTLS)
    actor.sends(HEADER + PLAIN)
    await p.router.run(() => undefined)
    expect(actor.transport.closed).toBe(true)
    expect(actor.transport.tls).toBeUndefined()
    expect(actor.heard).toEqual([])
  })

  test('white space behind it does no harm', async () => {
    using p = play()
    const actor = p.connect({ secure: false })
    await actor.opens()
    actor.sends(`${STARTTLS}\n`)
    await actor.receives(`<proceed xmlns='${TLS}'/>`)
  })

  test('case 28: a second starttls', async () => {
    using p = play()
    const actor = p.connect()
    await actor.opens()
    actor.sends(STARTTLS)
    await actor.isCutOff('unsupported-stanza-type')
  })

  test('case 27: a login before TLS is refused, and the stream lives on', async () => {
    using p = play()
    await p.account('romeo@bix.org')
    const actor = p.connect({ secure: false })
    await actor.opens()
    for (const mechanism of ['PLAIN', 'SCRAM-SHA-256']) {
      actor.sends(auth(mechanism, '='))
      expect(verdict(await actor.next())).toBe('encryption-required')
    }
    actor.sends(STARTTLS)
    await actor.receives(`<proceed xmlns='${TLS}'/>`)
  })

  for (const xml of [PING, bind(), '<message/>', '<presence/>'])
    test(`case 27: a stanza before TLS: ${xml.slice(0, 40)}`, async () => {
      using p = play()
      const actor = p.connect({ secure: false })
      await actor.opens()
      actor.sends(xml)
      await actor.isCutOff('not-authorized')
    })

  test('case 27: compression is not a way around', async () => {
    using p = play()
    const actor = p.connect({ secure: false })
    await actor.opens()
    actor.sends(`<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>`)
    await actor.isCutOff('unsupported-stanza-type')
  })

  test('an exchange that began in the clear is void inside TLS', async () => {
    using p = play({ toml: '[c2s]\nrequire_tls = false\n' })
    await p.account('romeo@bix.org')
    const actor = p.connect({ secure: false })
    await actor.opens()
    actor.sends(auth('SCRAM-SHA-256', encode('n,,n=romeo,r=abc')))
    expect((await actor.next()).name).toBe('challenge')
    actor.sends(STARTTLS)
    await actor.receives(`<proceed xmlns='${TLS}'/>`)
    await actor.isSecured()
    await actor.opens()
    actor.sends(`<response xmlns='${SASL}'>=</response>`)
    expect(verdict(await actor.next())).toBe('malformed-request')
  })

  test('c2s.require_tls = false: offered, not required', async () => {
    using p = play({ toml: '[c2s]\nrequire_tls = false\n' })
    const features = await p.connect({ secure: false }).opens()
    const starttls = child(features, 'starttls', TLS)
    expect(starttls && child(starttls, 'required')).toBeUndefined()
    expect(starttls).toBeDefined()
    expect(child(features, 'mechanisms', SASL)).toBeDefined()
  })
})

describe('RFC 6120 §6.4.6, §4.3.3: the stream after the login', () => {
  test('case 44, CVE-2018-10847: it cannot move to another host', async () => {
    using p = play()
    for (const [attrs, condition] of [
      [`to='other.example'`, 'not-authorized'],
      [`to='elsewhere.example'`, 'host-unknown'],
    ] as const) {
      await p.router.run(() => undefined)
      if (!p.store.accounts.find('romeo@bix.org')) await p.account('romeo@bix.org')
      const actor = p.connect()
      await actor.opens()
      await actor.authenticates('romeo')
      actor.sends(HEADER.replace(`to='bix.org'`, attrs))
      await actor.isCutOff(condition)
    }
  })

  test.each(['laptop.local', 'juliet@bix.org', 'juliet@other.example/x', 'bix.org', '@@', ''])(
    'COMPAT(XML::Stream): a from of “%s” changes nothing, the login has settled who it is',
    async (from) => {
      using p = play()
      for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await p.account(jid)
      const actor = p.connect()
      await actor.opens()
      await actor.authenticates('romeo')
      actor.sends(HEADER.replace(`to='bix.org'`, `to='bix.org' from='${from}'`))
      await actor.next()
      expect(actor.header.to).toBeUndefined()
      actor.sends(bind('x'))
      await actor.receives(
        `<iq type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>romeo@bix.org/x</jid></bind></iq>`,
      )
    },
  )

  test('it begins with a header', async () => {
    using p = play()
    await p.account('romeo@bix.org')
    const actor = p.connect()
    await actor.opens()
    await actor.authenticates('romeo')
    actor.sends(bind('x'))
    await actor.isCutOff('invalid-namespace')
  })

  test('case 40: nobody logs in twice', async () => {
    using p = play()
    const actor = await authenticated(p)
    actor.sends(PLAIN)
    await actor.isCutOff('not-authorized')
  })

  test('header and bind may come in one breath with the last word of the login', async () => {
    using p = play()
    await p.account('romeo@bix.org')
    const actor = p.connect()
    actor.sends(HEADER + PLAIN)
    await actor.next()
    actor.sends(HEADER + bind('x'))
    expect((await actor.next()).name).toBe('success')
    expect(child(await actor.next(), 'bind', BIND)).toBeDefined()
    expect((await actor.next()).attrs.type).toBe('result')
  })
})

describe('RFC 6120 §7: resource binding', () => {
  test('§7.6: the server makes a resource up, long and different each time', async () => {
    using p = play()
    const seen = new Set<string>()
    for (const request of [bind(), bind('')]) {
      const actor = await authenticated(p)
      actor.sends(request)
      const answer = await actor.answer('b')
      const jid = /<jid>(.*)<\/jid>/.exec(answer.toString())?.[1] ?? ''
      expect(jid).toMatch(/^romeo@bix\.org\/[\w-]{12}$/)
      seen.add(jid)
    }
    expect(seen.size).toBe(2)
  })

  test('§7.7: the client’s own, as prepared', async () => {
    using p = play()
    const actor = await authenticated(p)
    actor.sends(bind('Orchard  one'))
    await actor.receives(
      `<iq type='result' id='b'><bind xmlns='${BIND}'><jid>romeo@bix.org/Orchard  one</jid></bind></iq>`,
    )
  })

  for (const resource of ['x'.repeat(1024), ' x', '\u0085', 'é'.repeat(512)])
    test(`§7.7.2.1, case 52: "${resource.slice(0, 10)}" is none: bad-request, and another may be tried`, async () => {
      using p = play()
      const actor = await authenticated(p)
      actor.sends(bind(resource))
      await actor.hearsError('bad-request')
      actor.sends(bind('x'.repeat(1023), 'again'))
      expect((await actor.answer('again')).attrs.type).toBe('result')
    })

  test('§7.7.2.2, case 52: a new one under the same name replaces the old', async () => {
    using p = play()
    const old = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    const fresh = await authenticated(p)
    fresh.sends(bind('orchard'))
    expect((await fresh.answer('b')).attrs.type).toBe('result')
    await old.cutOffAmong('conflict')
    juliet.sends(`<message to='romeo@bix.org/orchard' type='chat'><body>x</body></message>`)
    expect((await fresh.next()).name).toBe('message')
    expect(p.world.sessions.countOf('romeo@bix.org')).toBe(1)
  })

  test('§7.7.2.3, case 52, limits.sessions_per_user: one more is told to wait; a replacement is none more', async () => {
    using p = play({ toml: '[limits]\nrates = false\nsessions_per_user = 2\n' })
    await p.bound('romeo@bix.org/a')
    const b = await p.bound('romeo@bix.org/b')
    const third = await authenticated(p)
    third.sends(bind('c'))
    await third.hearsError('resource-constraint')
    const replacement = await authenticated(p)
    replacement.sends(bind('b'))
    expect((await replacement.answer('b')).attrs.type).toBe('result')
    replacement.sends('</stream:stream>')
    await b.cutOffAmong('conflict')
    third.sends(bind('c', 'again'))
    expect((await third.answer('again')).attrs.type).toBe('result')
    await p.bound('juliet@bix.org/a')
  })

  test('§7.1: nothing else is heard before it', async () => {
    for (const xml of [
      PING,
      '<presence/>',
      `<iq type='get' id='b'><bind xmlns='${BIND}'/></iq>`,
      `<iq type='set'><bind xmlns='${BIND}'/></iq>`,
      `<iq type='set' id='b'><bind xmlns='urn:other'/></iq>`,
    ]) {
      using p = play()
      const actor = await authenticated(p)
      actor.sends(xml)
      await actor.isCutOff('not-authorized')
      expect(p.world.sessions.count).toBe(0)
    }
  })

  test('a second bind on one stream is an unknown request', async () => {
    using p = play()
    const romeo = await p.bound('romeo@bix.org/orchard')
    await romeo.isRefused('service-unavailable', 'set', `<bind xmlns='${BIND}'/>`)
  })

  test('an account that was disabled since the login gets no session', async () => {
    using p = play()
    const actor = await authenticated(p)
    await p.router.run((t) => {
      const account = t.store.accounts.find('romeo@bix.org')
      if (account) t.store.accounts.setDisabled(account, true)
    })
    actor.sends(bind('x'))
    await actor.isCutOff('not-authorized')
  })
})

describe('before the login', () => {
  test('RFC 6120 §4.9.3.12: no stanza but an IQ', async () => {
    for (const xml of ['<message/>', '<presence/>', '<other/>']) {
      using p = play()
      const actor = p.connect()
      await actor.opens()
      actor.sends(xml)
      await actor.isCutOff('not-authorized')
    }
  })

  test('an IQ that nobody answers to guests', async () => {
    using p = play()
    await p.account('romeo@bix.org')
    const actor = p.connect()
    await actor.opens()
    for (const payload of [
      `<ping xmlns='urn:xmpp:ping'/>`,
      `<query xmlns='jabber:iq:roster'/>`,
      `<query xmlns='http://jabber.org/protocol/disco#info'/>`,
      `<query xmlns='jabber:iq:auth'><username>romeo</username></query>`,
    ])
      await actor.isRefused('service-unavailable', 'get', payload, 'bix.org')
    actor.sends(`<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>`)
    await actor.hearsError('bad-request')
  })

  const big = (bytes: number) => {
    const empty = `<iq type='get' id='x'><ping xmlns='urn:xmpp:ping'></ping></iq>`
    return empty.replace('></ping>', `>${'x'.repeat(bytes - empty.length)}</ping>`)
  }

  test('limits.preauth_stanza_bytes: 8 KB, and one more', async () => {
    using p = play()
    const actor = p.connect()
    await actor.opens()
    actor.sends(big(8192))
    await actor.hearsError('service-unavailable')
    actor.sends(big(8193))
    await actor.isCutOff('policy-violation')
  })

  test('case 16: a header that never ends', async () => {
    using p = play()
    const actor = p.connect()
    actor.sends(`<stream:stream ${'x'.repeat(8193)}`)
    await actor.isCutOff('policy-violation')
  })

  test('case 19, limits.preauth_elements: 32, and one more', async () => {
    using p = play()
    const actor = p.connect()
    await actor.opens()
    const iq = (elements: number) =>
      `<iq type='get' id='x'><q xmlns='u:x'>${'<a/>'.repeat(elements - 2)}</q></iq>`
    actor.sends(iq(32))
    await actor.hearsError('service-unavailable')
    actor.sends(iq(33))
    await actor.isCutOff('policy-violation')
  })

  test('after the login the larger limits hold', async () => {
    using p = play()
    const romeo = await p.bound('romeo@bix.org/orchard')
    romeo.sends(big(200_000))
    expect((await romeo.answer('x')).attrs.type).toBe('result')
  })

  describe('case 22, limits.preauth_timeout: from connect to bound', () => {
    const steps: [what: string, reach: (p: P) => Promise<Actor>, said: boolean][] = [
      ['silence', async (p) => p.connect({ secure: false }), false],
      [
        'half a header',
        async (p) => {
          const actor = p.connect({ secure: false })
          actor.sends('<stream:str')
          return actor
        },
        false,
      ],
      [
        'a header',
        async (p) => {
          const actor = p.connect({ secure: false })
          await actor.opens()
          return actor
        },
        true,
      ],
      ['a login', (p) => authenticated(p), true],
    ]
    for (const [what, reach, said] of steps)
      test(`${what} and no more`, async () => {
        using p = play()
        const actor = await reach(p)
        p.clock.advance(29_999)
        actor.sends(' ')
        expect(actor.transport.closed).toBe(false)
        p.clock.advance(1)
        if (said) await actor.isCutOff('connection-timeout')
        expect(actor.transport.closed).toBe(true)
        expect(await p.openStreams()).toBe(0)
      })

    test('a session stays', async () => {
      using p = play()
      const romeo = await p.bound('romeo@bix.org/orchard')
      p.clock.advance(60_000)
      await romeo.settles()
    })

    test('limits.tls_handshake_timeout: proceed and no handshake', async () => {
      using p = play()
      const actor = p.connect({ secure: false })
      actor.transport.handshakes = false
      await actor.opens()
      actor.sends(STARTTLS)
      await actor.receives(`<proceed xmlns='${TLS}'/>`)
      p.clock.advance(9_999)
      expect(actor.transport.closed).toBe(false)
      p.clock.advance(1)
      expect(actor.transport.closed).toBe(true)
    })

    test('limits.tls_handshake_timeout: a handshake that is over has no clock', async () => {
      using p = play()
      await p.account('romeo@bix.org')
      const actor = p.connect({ secure: false })
      await actor.opens()
      actor.sends(STARTTLS)
      await actor.receives(`<proceed xmlns='${TLS}'/>`)
      await actor.logsIn('romeo@bix.org', PASSWORD, 'orchard')
      p.clock.advance(10_000)
      await actor.settles()
      expect(actor.transport.closed).toBe(false)
    })

    test('nothing is left of a connection that is gone', async () => {
      using p = play()
      const before = p.clock.pending
      for (let i = 0; i < 20; i++) {
        const actor = p.connect({ secure: i % 2 === 0 })
        if (i % 3 === 0) await actor.opens()
        actor.transport.destroy()
      }
      expect(p.clock.pending).toBe(before)
      expect(await p.openStreams()).toBe(0)
    })
  })

  test('a guest that leaves amid a login is forgotten', async () => {
    using p = play()
    await p.account('romeo@bix.org')
    const actor = p.connect()
    await actor.opens()
    actor.sends(PLAIN)
    actor.transport.destroy()
    const other = p.connect()
    await other.opens()
    expect(
      verdict((await scram(other, { name: 'romeo', password: PASSWORD, mechanism: 'SCRAM-SHA-256' })).end),
    ).toBe('success')
    expect(p.world.sessions.count).toBe(0)
  })
})

test('what clients call their elements becomes no label', async () => {
  using p = play()
  const actor = await p.bound('romeo@bix.org/orchard')
  actor.sends('<an-element-nobody-knows/>')
  await actor.isCutOff('unsupported-stanza-type')
  const { values } = await stanzas.get()
  const kinds = values.filter(({ labels }) => labels.direction === 'in').map(({ labels }) => labels.kind)
  expect(kinds).toContain('other')
  expect(kinds.filter((kind) => !['message', 'presence', 'iq', 'other'].includes(String(kind)))).toEqual([])
})

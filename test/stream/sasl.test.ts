import { describe, expect, test } from 'bun:test'
import { deriveCredentials } from '../../src/store/credentials.ts'
import { type ChannelBindings, Scram } from '../../src/stream/sasl/scram.ts'
import { child, children } from '../../src/xmpp/xml.ts'
import { type Actor, PASSWORD } from '../support/actor.ts'
import { EXPORTED, TEST_IDENTITY } from '../support/memory-transport.ts'
import { play } from '../support/world.ts'
import { auth, clientFinal, encode, response, SASL, scram, type ScramWish, verdict } from './scram-client.ts'

type P = ReturnType<typeof play>

const RATES = '[limits]\nrates = true\nconnections_per_ip = 0\n'
const ROMEO = { name: 'romeo', password: PASSWORD } as const

async function guest(p: P, options: Parameters<P['connect']>[0] = {}): Promise<Actor> {
  if (!p.store.accounts.find('romeo@bix.org')) await p.account('romeo@bix.org')
  const actor = p.connect(options)
  await actor.opens()
  return actor
}

async function says(p: P, ...texts: string[]): Promise<string> {
  const actor = await guest(p)
  let last = ''
  for (const text of texts) {
    actor.sends(text)
    last = verdict(await actor.next())
  }
  return last
}

const plain = (text: string) => auth('PLAIN', encode(text))

async function offered(
  p: P,
  options: Parameters<P['connect']>[0],
): Promise<{ mechanisms: string[]; bindings: string[] }> {
  const features = await p.connect(options).opens()
  const list = child(features, 'mechanisms', SASL)
  const cb = child(features, 'sasl-channel-binding', 'urn:xmpp:sasl-cb:0')
  return {
    mechanisms: list ? children(list, 'mechanism').map((el) => el.getText()) : [],
    bindings: cb ? children(cb, 'channel-binding').map((el) => el.attrs.type ?? '') : [],
  }
}

describe('RFC 6120 §6.3, XEP-0440 §3: what is offered', () => {
  const SCRAM = ['SCRAM-SHA-256', 'SCRAM-SHA-1']
  const PLUS = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS']
  const cases: [
    what: string,
    toml: string,
    options: Parameters<P['connect']>[0],
    mechanisms: string[],
    bindings: string[],
  ][] = [
    ['TLS 1.3', '', {}, [...PLUS, ...SCRAM, 'PLAIN'], ['tls-exporter', 'tls-server-end-point']],
    ['TLS 1.2', '', { tls: 'TLSv1.2' }, [...PLUS, ...SCRAM, 'PLAIN'], ['tls-server-end-point']],
    [
      'PLAIN is off by default',
      '[auth]\n',
      {},
      [...PLUS, ...SCRAM],
      ['tls-exporter', 'tls-server-end-point'],
    ],
    ['no channel binding', '[auth]\nchannel_binding = false\n', {}, SCRAM, []],
    ['no TLS', '', { secure: false }, [], []],
    [
      'no TLS where none is required: never PLAIN',
      '[c2s]\nrequire_tls = false\n',
      { secure: false },
      SCRAM,
      [],
    ],
  ]
  for (const [what, toml, options, mechanisms, bindings] of cases)
    test(what, async () => {
      using p = play({ toml })
      expect(await offered(p, options)).toEqual({ mechanisms, bindings })
    })
})

describe('RFC 5802, RFC 7677: the examples of the RFCs', () => {
  const examples = [
    {
      hash: 'SHA-1',
      client: 'fyko+d2lbbFgONRv9qkxdawL',
      server: '3rfcNHYJY1ZVvWVs7j',
      salt: 'QSXCR+Q6sek8bf92',
      proof: 'v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
      signature: 'rmF9pqV8S7suAoZWja4dJRkFsKQ=',
    },
    {
      hash: 'SHA-256',
      client: 'rOprNGfwEbeRWgbNEkqO',
      server: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
      salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
      proof: 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
      signature: '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    },
  ] as const
  for (const { hash, client, server, salt, proof, signature } of examples)
    test(hash, async () => {
      const keys = (await deriveCredentials('pencil', 4096, () => Buffer.from(salt, 'base64')))[hash]
      const bindings: ChannelBindings = new Map()
      const exchange = new Scram({
        hash,
        plus: false,
        plusOffered: false,
        bindings,
        nonce: server,
        keysFor: () => keys,
      })
      expect(exchange.first(`n,,n=user,r=${client}`)).toBe(`r=${client}${server},s=${salt},i=4096`)
      expect(exchange.final(`c=biws,r=${client}${server},p=${proof}`)).toBe(`v=${signature}`)
    })
})

describe('RFC 5802 §5, §6: a login by each mechanism', () => {
  const wishes: ScramWish[] = [
    { ...ROMEO, mechanism: 'SCRAM-SHA-1' },
    { ...ROMEO, mechanism: 'SCRAM-SHA-256' },
    { ...ROMEO, mechanism: 'SCRAM-SHA-1-PLUS', binding: EXPORTED },
    { ...ROMEO, mechanism: 'SCRAM-SHA-256-PLUS', binding: EXPORTED },
    {
      ...ROMEO,
      mechanism: 'SCRAM-SHA-1-PLUS',
      gs2: 'p=tls-server-end-point,,',
      binding: TEST_IDENTITY.endPointHash,
    },
    {
      ...ROMEO,
      mechanism: 'SCRAM-SHA-256-PLUS',
      gs2: 'p=tls-server-end-point,,',
      binding: TEST_IDENTITY.endPointHash,
    },
    { ...ROMEO, mechanism: 'SCRAM-SHA-256', gs2: 'n,a=romeo@bix.org,' },
    { ...ROMEO, mechanism: 'SCRAM-SHA-256', name: 'ROMEO' },
  ]
  for (const wish of wishes)
    test(`${wish.mechanism} ${wish.gs2 ?? ''} ${wish.name}`, async () => {
      using p = play()
      const actor = await guest(p)
      const { end, challenge } = await scram(actor, wish)
      expect(verdict(end)).toBe('success')
      expect(Buffer.from(end.getText(), 'base64').toString()).toStartWith('v=')
      expect(challenge).toContain('i=4096')
      const features = await actor.opens()
      expect(child(features, 'bind', 'urn:ietf:params:xml:ns:xmpp-bind')).toBeDefined()
    })

  test('`y`: the client could bind and was offered nothing to bind with', async () => {
    using p = play({ toml: '[auth]\nchannel_binding = false\n' })
    const actor = await guest(p)
    const { end } = await scram(actor, { ...ROMEO, mechanism: 'SCRAM-SHA-256', gs2: 'y,,' })
    expect(verdict(end)).toBe('success')
  })

  test('RFC 5802 §5.1: names with a comma or an equals sign are unescaped', async () => {
    using p = play()
    await p.account('a,b=c@bix.org')
    const actor = await guest(p)
    const { end } = await scram(actor, { ...ROMEO, name: 'a=2Cb=3Dc', mechanism: 'SCRAM-SHA-256' })
    expect(verdict(end)).toBe('success')
  })

  test('RFC 6120 §6.4.2: without an initial response an empty challenge comes first', async () => {
    using p = play()
    const actor = await guest(p)
    const bare = 'n=romeo,r=abc'
    actor.sends(auth('SCRAM-SHA-256'))
    const empty = await actor.next()
    expect([empty.name, empty.getText()]).toEqual(['challenge', ''])
    actor.sends(response(encode(`n,,${bare}`)))
    const challenge = Buffer.from((await actor.next()).getText(), 'base64').toString()
    actor.sends(response(encode(clientFinal({ ...ROMEO, mechanism: 'SCRAM-SHA-256' }, bare, challenge))))
    expect(verdict(await actor.next())).toBe('success')
  })
})

describe('case 38: SCRAM that is wrong in one place', () => {
  const cases: [what: string, wish: Partial<ScramWish>, result: string][] = [
    ['wrong password', { password: 'wrong' }, 'not-authorized'],
    ['`y` although -PLUS was offered', { gs2: 'y,,' }, 'not-authorized'],
    ['`p` without a -PLUS mechanism', { gs2: 'p=tls-exporter,,', binding: EXPORTED }, 'malformed-request'],
    ['-PLUS with `n`', { mechanism: 'SCRAM-SHA-256-PLUS', gs2: 'n,,' }, 'malformed-request'],
    ['-PLUS with `y`', { mechanism: 'SCRAM-SHA-256-PLUS', gs2: 'y,,' }, 'malformed-request'],
    ['wrong binding data', { mechanism: 'SCRAM-SHA-256-PLUS', binding: Buffer.alloc(32) }, 'not-authorized'],
    ['no binding data', { mechanism: 'SCRAM-SHA-256-PLUS' }, 'not-authorized'],
    [
      'one binding’s data under the other’s name',
      { mechanism: 'SCRAM-SHA-256-PLUS', gs2: 'p=tls-server-end-point,,', binding: EXPORTED },
      'not-authorized',
    ],
    [
      'tls-unique',
      { mechanism: 'SCRAM-SHA-256-PLUS', gs2: 'p=tls-unique,,', binding: EXPORTED },
      'malformed-request',
    ],
    ['an unknown flag', { gs2: 'x,,' }, 'malformed-request'],
    ['no header', { gs2: '' }, 'malformed-request'],
    ['somebody else’s authzid', { gs2: 'n,a=juliet@bix.org,' }, 'invalid-authzid'],
    ['an authzid with a resource', { gs2: 'n,a=romeo@bix.org/x,' }, 'invalid-authzid'],
    ['an authzid of another host', { gs2: 'n,a=romeo@other.example,' }, 'invalid-authzid'],
    ['an extension that must be understood', { name: 'romeo,m=x' }, 'malformed-request'],
    ['no name', { name: '' }, 'malformed-request'],
    ['a name that is none', { name: 'ro meo' }, 'malformed-request'],
    ['a bad escape', { name: 'romeo=2X' }, 'malformed-request'],
    ['a full JID for a name', { name: 'romeo@bix.org' }, 'malformed-request'],
    ['an empty nonce', { nonce: '' }, 'malformed-request'],
    ['a nonce that is none', { nonce: 'a b' }, 'malformed-request'],
    ['two nonces', { nonce: 'abc,r=def' }, 'malformed-request'],
    ['an endless nonce', { nonce: 'x'.repeat(513) }, 'malformed-request'],
    ['no proof', { spoil: (text) => text.replace(/,p=.*/, '') }, 'malformed-request'],
    ['a short proof', { spoil: (text) => text.replace(/p=.*/, `p=${encode('short')}`) }, 'malformed-request'],
    [
      'a long proof',
      { spoil: (text) => text.replace(/p=.*/, `p=${encode('x'.repeat(64))}`) },
      'malformed-request',
    ],
    ['another nonce', { spoil: (text) => text.replace('r=', 'r=x') }, 'not-authorized'],
    [
      'a shorter nonce',
      { spoil: (text) => text.replace(/r=[^,]*/, 'r=rOprNGfwEbeRWgbNEkqO') },
      'not-authorized',
    ],
    ['a second nonce', { spoil: (text) => text.replace(',p=', ',r=x,p=') }, 'malformed-request'],
    [
      'an extension that must be understood, last',
      { spoil: (text) => text.replace(',p=', ',m=x,p=') },
      'malformed-request',
    ],
    [
      'an echo of the iterations, unsigned',
      { spoil: (text) => text.replace(',p=', ',i=1,p=') },
      'not-authorized',
    ],
    [
      'another header than the first',
      { spoil: (text) => text.replace('c=biws', `c=${encode('y,,')}`) },
      'not-authorized',
    ],
    ['no binding part', { spoil: (text) => text.replace(/^c=[^,]*,/, '') }, 'malformed-request'],
    ['nothing', { spoil: () => '' }, 'malformed-request'],
  ]
  for (const [what, change, result] of cases)
    test(`${what}: ${result}`, async () => {
      using p = play()
      await p.account('juliet@bix.org')
      const actor = await guest(p)
      const { end } = await scram(actor, { ...ROMEO, mechanism: 'SCRAM-SHA-256', ...change })
      expect(verdict(end)).toBe(result)
      // The stream lives on, and the right one gets in.
      const again = await scram(actor, { ...ROMEO, mechanism: 'SCRAM-SHA-1' })
      expect(verdict(again.end)).toBe('success')
    })
})

describe('case 35: PLAIN and its fields (RFC 4616 §2)', () => {
  const cases: [text: string, result: string][] = [
    [`\0romeo\0${PASSWORD}`, 'success'],
    [`romeo@bix.org\0romeo\0${PASSWORD}`, 'success'],
    [`\0ROMEO\0${PASSWORD}`, 'success'],
    [`\0romeo\0wrong`, 'not-authorized'],
    [`\0romeo\0${PASSWORD} `, 'not-authorized'],
    [`\0nobody\0${PASSWORD}`, 'not-authorized'],
    [`juliet@bix.org\0romeo\0${PASSWORD}`, 'invalid-authzid'],
    [`romeo\0romeo\0${PASSWORD}`, 'invalid-authzid'],
    [`romeo@bix.org/x\0romeo\0${PASSWORD}`, 'invalid-authzid'],
    [`romeo@other.example\0romeo\0${PASSWORD}`, 'invalid-authzid'],
    [`\0romeo`, 'malformed-request'],
    [`romeo\0${PASSWORD}`, 'malformed-request'],
    [`\0romeo\0${PASSWORD}\0`, 'malformed-request'],
    [`\0\0romeo\0${PASSWORD}`, 'malformed-request'],
    [`\0\0${PASSWORD}`, 'malformed-request'],
    [`\0romeo\0`, 'malformed-request'],
    [`\0romeo@bix.org\0${PASSWORD}`, 'malformed-request'],
    [`\0romeo\0${'x'.repeat(1025)}`, 'not-authorized'],
    ['', 'malformed-request'],
  ]
  for (const [text, result] of cases)
    test(`${JSON.stringify(text.slice(0, 40))}: ${result}`, async () => {
      using p = play()
      await p.account('juliet@bix.org')
      expect(await says(p, auth('PLAIN', text === '' ? '=' : encode(text)))).toBe(result)
    })
})

describe('cases 36, 37, 40: what is no exchange', () => {
  const cases: [what: string, texts: string[], result: string][] = [
    ['no base64', [auth('PLAIN', '!!!')], 'incorrect-encoding'],
    ['base64 that is cut', [auth('PLAIN', 'AHJvbWVv='.slice(0, 7))], 'incorrect-encoding'],
    ['white space in base64', [auth('PLAIN', 'AHJv bWVv')], 'incorrect-encoding'],
    ['= for SCRAM', [auth('SCRAM-SHA-256', '=')], 'malformed-request'],
    ['too long', [auth('PLAIN', encode('x'.repeat(3100)))], 'malformed-request'],
    ['no UTF-8', [auth('PLAIN', Buffer.from([0, 0xff, 0, 0x61]).toString('base64'))], 'malformed-request'],
    ['an unknown mechanism', [auth('X-NONE', '=')], 'invalid-mechanism'],
    ['no mechanism', [`<auth xmlns='${SASL}'/>`], 'invalid-mechanism'],
    ['another case', [auth('plain', '=')], 'invalid-mechanism'],
    ['one that is not offered', [auth('DIGEST-MD5')], 'invalid-mechanism'],
    ['anonymous', [auth('ANONYMOUS')], 'invalid-mechanism'],
    ['a response to nothing', [response('=')], 'malformed-request'],
    ['an unknown element', [`<whatever xmlns='${SASL}'/>`], 'malformed-request'],
    ['an abort', [auth('SCRAM-SHA-256', encode('n,,n=romeo,r=abc')), `<abort xmlns='${SASL}'/>`], 'aborted'],
    ['an abort of nothing', [`<abort xmlns='${SASL}'/>`], 'aborted'],
    [
      'a second <auth/> amid an exchange',
      [auth('SCRAM-SHA-256', encode('n,,n=romeo,r=abc')), plain(`\0romeo\0${PASSWORD}`)],
      'malformed-request',
    ],
    [
      'a response after an abort',
      [auth('SCRAM-SHA-256', encode('n,,n=romeo,r=abc')), `<abort xmlns='${SASL}'/>`, response('=')],
      'malformed-request',
    ],
  ]
  for (const [what, texts, result] of cases)
    test(`${what}: ${result}`, async () => {
      using p = play()
      expect(await says(p, ...texts)).toBe(result)
    })

  test('a mechanism that is off cannot be used by asking for it', async () => {
    using p = play({ toml: '[auth]\nscram_iterations = 4096\n' })
    expect(await says(p, plain(`\0romeo\0${PASSWORD}`))).toBe('invalid-mechanism')
  })

  test('case 34: PLAIN before TLS is refused, whether TLS is required or not', async () => {
    for (const [toml, result] of [
      ['', 'encryption-required'],
      ['[c2s]\nrequire_tls = false\n', 'invalid-mechanism'],
    ] as const) {
      using p = play({ toml })
      const actor = await guest(p, { secure: false })
      actor.sends(plain(`\0romeo\0${PASSWORD}`))
      expect(verdict(await actor.next())).toBe(result)
    }
  })

  test('a login without TLS where none is required', async () => {
    using p = play({ toml: '[c2s]\nrequire_tls = false\n' })
    const actor = await guest(p, { secure: false })
    expect(verdict((await scram(actor, { ...ROMEO, mechanism: 'SCRAM-SHA-1' })).end)).toBe('success')
  })
})

describe('case 39: who does not exist looks like who does', () => {
  test('the same salt at every try, another one per name, host and hash; the iterations of a real account', async () => {
    using p = play()
    const first = async (name: string, host = 'bix.org', mechanism = 'SCRAM-SHA-256') => {
      if (!p.store.accounts.find('romeo@bix.org')) await p.account('romeo@bix.org')
      const actor = p.connect()
      await actor.opens(host)
      const { challenge, end } = await scram(actor, { ...ROMEO, name, mechanism })
      const [, salt, iterations] = /,s=([^,]+),i=(\d+),h=/.exec(challenge) ?? []
      return { salt, iterations, result: verdict(end) }
    }
    const nobody = await first('nobody')
    expect(await first('nobody')).toEqual(nobody)
    expect(await first('NOBODY')).toEqual(nobody)
    const real = await first('romeo')
    expect([real.result, nobody.result]).toEqual(['success', 'not-authorized'])
    expect(nobody.iterations).toBe(real.iterations ?? '')
    expect(nobody.salt).toHaveLength(real.salt?.length ?? 0)
    const others = [
      await first('nobody2'),
      await first('nobody', 'other.example'),
      await first('nobody', 'bix.org', 'SCRAM-SHA-1'),
    ]
    expect(new Set([nobody, real, ...others].map(({ salt }) => salt)).size).toBe(5)
  })

  test('the very same words, for a wrong password and for nobody', async () => {
    using p = play()
    const ends: string[] = []
    for (const name of ['romeo', 'nobody']) {
      const actor = await guest(p)
      ends.push((await scram(actor, { name, password: 'wrong', mechanism: 'SCRAM-SHA-256' })).end.toString())
      actor.sends(plain(`\0${name}\0wrong`))
      ends.push((await actor.next()).toString())
    }
    expect(new Set(ends).size).toBe(1)
  })

  test('that an account is disabled is told only with its password', async () => {
    using p = play()
    const actor = await guest(p)
    await p.router.run((t) => {
      const account = t.store.accounts.find('romeo@bix.org')
      if (account) t.store.accounts.setDisabled(account, true)
    })
    const wish = { ...ROMEO, mechanism: 'SCRAM-SHA-256' }
    expect(verdict((await scram(actor, { ...wish, password: 'wrong' })).end)).toBe('not-authorized')
    expect(verdict((await scram(actor, wish)).end)).toBe('account-disabled')
    actor.sends(plain('\0romeo\0wrong'))
    expect(verdict(await actor.next())).toBe('not-authorized')
    actor.sends(plain(`\0romeo\0${PASSWORD}`))
    expect(verdict(await actor.next())).toBe('account-disabled')
  })

  test('an account of one host is nobody on another', async () => {
    using p = play()
    await p.account('romeo@bix.org')
    const actor = p.connect()
    await actor.opens('other.example')
    expect(verdict((await scram(actor, { ...ROMEO, mechanism: 'SCRAM-SHA-256' })).end)).toBe('not-authorized')
  })
})

describe('case 41: guessing', () => {
  const guess = async (actor: Actor, name = 'romeo', password = 'wrong') => {
    actor.sends(plain(`\0${name}\0${password}`))
    return verdict(await actor.next())
  }

  test('RFC 6120 §6.4.5, limits.auth_tries: so many on one stream, then it ends', async () => {
    using p = play({ toml: '[limits]\nrates = false\nauth_tries = 3\n' })
    const actor = await guest(p)
    for (let i = 0; i < 2; i++) expect(await guess(actor)).toBe('not-authorized')
    // Any failure is a try: an abort is no way around.
    actor.sends(`<abort xmlns='${SASL}'/>`)
    expect(verdict(await actor.next())).toBe('aborted')
    await actor.isCutOff('policy-violation')
  })

  test('limits.auth_failures: then each answer is held back by 1, 2, 4 … seconds, for this pair alone', async () => {
    using p = play({
      toml: `${RATES}auth_failures = 2\nauth_delay_max = "4s"\nauth_tries = 0\nauth_failures_per_ip = 0\n`,
    })
    const actor = await guest(p)
    expect(await guess(actor)).toBe('not-authorized')
    for (const seconds of [1, 2, 4, 4]) {
      actor.sends(plain('\0romeo\0wrong'))
      await held(p, actor)
      expect(actor.heard).toEqual([])
      // Nothing more is read meanwhile.
      expect(actor.transport.paused).toBe(true)
      p.clock.advance(seconds * 1000 - 1)
      await p.router.run(() => undefined)
      expect(actor.heard).toEqual([])
      p.clock.advance(1)
      expect(verdict(await actor.next())).toBe('not-authorized')
    }
    // Another account from here, this account from elsewhere: no delay.
    expect(await guess(await guest(p), 'nobody')).toBe('not-authorized')
    expect(await guess(await guest(p, { ip: '198.51.100.1' }))).toBe('not-authorized')
    // The right password is never held back, and wipes the slate.
    const right = await guest(p)
    expect(await guess(right, 'romeo', PASSWORD)).toBe('success')
    expect(await guess(await guest(p))).toBe('not-authorized')
  })

  test('limits.auth_window: what is long past does not count', async () => {
    using p = play({
      toml: `${RATES}auth_failures = 2\nauth_tries = 0\nauth_window = "10m"\npreauth_timeout = "2h"\n`,
    })
    for (let i = 0; i < 4; i++) {
      expect(await guess(await guest(p))).toBe('not-authorized')
      p.clock.advance(600_000)
    }
  })

  test('limits.auth_failures_per_ip: the address is banned for auth_ban, the account is not', async () => {
    using p = play({
      toml: `${RATES}auth_failures = 0\nauth_failures_per_ip = 3\nauth_ban = "1h"\nauth_tries = 0\npreauth_timeout = "2h"\n`,
    })
    for (const name of ['a', 'b']) expect(await guess(await guest(p), name)).toBe('not-authorized')
    const third = await guest(p)
    expect(await guess(third, 'c')).toBe('not-authorized')
    await third.isCutOff('policy-violation')
    const banned = await guest(p)
    expect(await guess(banned, 'romeo', PASSWORD)).toBe('temporary-auth-failure')
    await banned.isCutOff('policy-violation')
    expect(await guess(await guest(p, { ip: '192.0.2.2' }), 'romeo', PASSWORD)).toBe('success')
    p.clock.advance(3_600_000)
    expect(await guess(await guest(p), 'romeo', PASSWORD)).toBe('success')
  })

  test('IPv6 addresses count by their /64', async () => {
    using p = play({ toml: `${RATES}auth_failures = 0\nauth_failures_per_ip = 2\nauth_tries = 0\n` })
    for (const ip of ['2001:db8::1', '2001:db8::ffff:1']) await guess(await guest(p, { ip }), 'nobody')
    expect(await guess(await guest(p, { ip: '2001:db8::2' }))).toBe('temporary-auth-failure')
    expect(await guess(await guest(p, { ip: '2001:db8:0:1::2' }))).toBe('not-authorized')
  })

  /** The password is checked off the loop: wait until its answer is being held back. */
  async function held(p: P, actor: Actor): Promise<void> {
    const before = p.clock.pending
    while (p.clock.pending === before && actor.heard.length === 0) await p.router.run(() => undefined)
  }
})

test('what is sent while a password is checked waits in the socket', async () => {
  using p = play()
  const actor = await guest(p)
  actor.sends(plain(`\0romeo\0${PASSWORD}`))
  expect(actor.transport.paused).toBe(true)
  expect(verdict(await actor.next())).toBe('success')
  expect(actor.transport.paused).toBe(false)
})

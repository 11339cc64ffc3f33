/** Keys, certificates and PKCS #12 files, as openssl makes them. */
import { afterAll, describe, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { alarmsOf } from '../../src/push/diagnose/alarms.ts'
import { ApnsSender } from '../../src/push/apns/apns.ts'
import { loadApp } from '../../src/push/apns/credentials.ts'
import { systemClock, systemRandom } from '../../src/store/clock.ts'
import { keyApp, MemoryTokens, request, startApple, TOPIC } from '../support/apns.ts'

describe('credentials', () => {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-apns-'))
  afterAll(() => rmSync(dir, { recursive: true }))
  const file = (name: string): string => join(dir, name)
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })
  }
  const base = { topic: TOPIC, environment: 'production' as const }

  test('PEM and PKCS #12 certificates sign in without a provider token', async () => {
    const sim = await startApple()
    await using open = new AsyncDisposableStack()
    open.defer(() => sim.close())
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      'k.pem',
      '-out',
      'c.pem',
      '-subj',
      '/CN=push',
      '-days',
      '2',
    )
    openssl(
      'pkcs12',
      '-export',
      '-inkey',
      'k.pem',
      '-in',
      'c.pem',
      '-passout',
      'pass:secret',
      '-out',
      'c.p12',
    )
    writeFileSync(file('password'), 'secret\n')
    writeFileSync(file('ca.pem'), sim.ca)
    const where = { ...base, endpoint: sim.url, ca_file: file('ca.pem') }
    const pem = loadApp({ ...where, cert_file: file('c.pem'), cert_key_file: file('k.pem') })
    const p12 = loadApp({ ...where, p12_file: file('c.p12'), p12_password_file: file('password') })
    // In a P12 as Keychain writes it, the certificate is under another cipher than openssl's own.
    openssl(
      'pkcs12',
      '-export',
      '-legacy',
      '-inkey',
      'k.pem',
      '-in',
      'c.pem',
      '-passout',
      'pass:secret',
      '-out',
      'old.p12',
    )
    const old = loadApp({ ...where, p12_file: file('old.p12'), p12_password_file: file('password') })
    for (const app of [pem, p12, old]) {
      const from = new ApnsSender({
        apps: [app],
        tokens: new MemoryTokens(),
        clock: systemClock,
        random: systemRandom,
      })
      open.defer(() => from.stop(0))
      expect((await from.send(request(1))).outcome).toBe('accepted')
      if (app.credential.kind === 'certificate') await app.credential.read
      const days = ((from.apps()[0]?.expires ?? 0) - Date.now()) / 86_400_000
      expect(Math.round(days)).toBe(2)
      const soon = { now: Date.now(), alarmAfter: Infinity, certificateAlarm: 30 * 86_400_000 }
      const facts = { ...soon, oldest: undefined, lanes: [], clockOffset: undefined, dead: 0 }
      expect(alarmsOf({ ...facts, apps: from.apps() })[0]?.text).toContain('ends in 2 days')
    }
    expect(sim.received.map((r) => r.headers.authorization)).toEqual([undefined, undefined, undefined])
    writeFileSync(file('password'), 'wrong\n')
    expect(() => loadApp({ ...where, p12_file: file('c.p12'), p12_password_file: file('password') })).toThrow(
      /c\.p12/,
    )
  })

  test('a key that is no P-256 key is refused by name', () => {
    openssl('genpkey', '-algorithm', 'ed25519', '-out', 'ed.p8')
    const key = { team_id: 'T', key_id: 'K' }
    expect(() => loadApp({ ...base, ...key, key_file: file('ed.p8') })).toThrow(/ed\.p8.*P-256/)
    expect(() => loadApp({ ...base, ...key, key_file: file('none.p8') })).toThrow(/none\.p8/)
    writeFileSync(file('text.p8'), 'hello')
    expect(() => loadApp({ ...base, ...key, key_file: file('text.p8') })).toThrow(/BEGIN PRIVATE KEY/)
    expect(() => loadApp(base)).toThrow(/no key .* and no certificate/)
  })

  test('a key reaches both of Apple’s environments, an own endpoint only its own', () => {
    const options = { tokens: new MemoryTokens(), clock: systemClock, random: systemRandom }
    const apples = new ApnsSender({
      ...options,
      apps: [{ ...keyApp('', ''), endpoint: undefined, ca: undefined }],
    })
    expect(apples.reaches(TOPIC, 'sandbox')).toBe(true)
    const own = new ApnsSender({ ...options, apps: [keyApp('https://127.0.0.1:1', '')] })
    expect(own.reaches(TOPIC, 'sandbox')).toBe(false)
  })
})

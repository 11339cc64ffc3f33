/** What `app check` finds in the files themselves, before Apple is asked. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkApp } from '../../src/push/diagnose/check-app.ts'
import { APP_DEFAULTS, TOPIC } from '../support/apns.ts'

const DAY = 86_400_000
let dir: string
const file = (name: string): string => join(dir, name)
const openssl = (args: string): void => {
  execFileSync('openssl', args.split(' '), { cwd: dir, stdio: 'pipe' })
}

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'belfry-app-'))
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout k.pem'
  openssl(`req -x509 ${key} -out c.pem -subj /CN=push -days 2`)
  openssl('pkcs12 -export -inkey k.pem -in c.pem -passout pass:secret -out c.p12')
  writeFileSync(file('good'), 'secret\n')
  writeFileSync(file('bad'), 'wrong\n')
  writeFileSync(file('none.p12'), 'no certificate')
})
afterAll(() => rmSync(dir, { recursive: true }))

const app = { ...APP_DEFAULTS, topic: TOPIC, environment: 'production' as const }

test.each([
  ['is good', 'c.p12', 'good', 1, /^$/],
  ['has ended', 'c.p12', 'good', 3, /c\.p12 ended on .*; renew it at Apple$/],
  ['has another password', 'c.p12', 'bad', 1, /c\.p12: .*passphrase/],
  ['has a password that nobody has named', 'c.p12', undefined, 1, /c\.p12: .*passphrase/],
  ['is none', 'none.p12', 'good', 1, /none\.p12: /],
  ['is not there', 'nowhere.p12', 'good', 1, /nowhere\.p12: ENOENT/],
] as const)('a PKCS #12 file that %s', async (_what, p12, password, days, expected) => {
  const files = {
    p12_file: file(p12),
    ...(password === undefined ? {} : { p12_password_file: file(password) }),
  }
  const found = await checkApp({ ...app, ...files }, new Date(Date.now() + days * DAY))
  expect(found.join('\n')).toMatch(expected)
})

test('a PEM certificate that has ended', async () => {
  const files = { cert_file: file('c.pem'), cert_key_file: file('k.pem') }
  const at = (days: number) => checkApp({ ...app, ...files }, new Date(Date.now() + days * DAY))
  expect(await at(1)).toEqual([])
  expect((await at(3)).join()).toMatch(/c\.pem ended on .*; renew it at Apple$/)
})

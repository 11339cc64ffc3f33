/** Cases of hostile or unlucky pushes that the sender must survive. */
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CredentialError, loadApp } from '../../src/push/apns/credentials.ts'
import { isPublic } from '../../src/net/address.ts'
import { KEY_ID, P8, TEAM, TOPIC } from '../support/apns.ts'

test('case 73: a key that is missing or replaced by nonsense is named by app and file, and nothing is loaded', () => {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-case-'))
  using end = new DisposableStack()
  end.defer(() => rmSync(dir, { recursive: true }))
  const key_file = join(dir, 'key.p8')
  const app = { topic: TOPIC, environment: 'production', team_id: TEAM, key_id: KEY_ID, key_file } as const
  const load = () => loadApp(app)
  expect(load).toThrow(CredentialError)
  expect(load).toThrow(`push app ${TOPIC}: ${key_file} cannot be used`)
  writeFileSync(key_file, 'nonsense')
  expect(load).toThrow('BEGIN PRIVATE KEY')
  writeFileSync(key_file, P8)
  expect(load().topic).toBe(TOPIC)
})

test.each([
  '127.0.0.1',
  '::1',
  '169.254.169.254',
  '10.0.0.1',
  'fe80::1',
  '::ffff:169.254.169.254',
  '0.0.0.0',
])('case 74: a webhook does not reach %s', (address) => {
  expect(isPublic(address)).toBe(false)
})

/** A push that is opened by code that nobody here wrote. */
import { createECDH } from 'node:crypto'
import { expect, test } from 'bun:test'
import { chanceFrom, sealText } from '../../src/push/webpush/sealing.ts'
import { systemRandom } from '../../src/store/clock.ts'
import { installHttpEce, openByHttpEce } from './http-ece.ts'

test('http-ece opens what was sealed here, the shortest text and the longest', async () => {
  await installHttpEce()
  const app = createECDH('prime256v1')
  const keys = { p256dh: app.generateKeys(), auth: systemRandom.bytes(16) }
  for (const text of ['x', 'wherefore art thou, Romeo? 👍', 'x'.repeat(3993)]) {
    const body = sealText(
      Buffer.from(text),
      keys,
      chanceFrom((n) => systemRandom.bytes(n)),
    )
    expect(await openByHttpEce(body, app, keys.auth)).toBe(text)
  }
}, 120_000)

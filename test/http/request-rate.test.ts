/** Requests per address and minute: whom the table of them forgets. */
import { expect, test } from 'bun:test'
import { Hono } from 'hono'
import type { AppEnv } from '../../src/http/context.ts'
import { HttpError } from '../../src/http/problem.ts'
import { requestRate } from '../../src/http/request-rate.ts'

test('an address at its limit stays at it, however many others ask in the same minute', async () => {
  let now = 0
  const app = new Hono<AppEnv>()
  app.use(async (c, next) => {
    c.set('ip', c.req.header('ip') ?? '')
    await next()
  })
  app.use(requestRate(2, () => now))
  app.get('/', (c) => c.text('ok'))
  app.onError((error, c) => c.text('', error instanceof HttpError ? 429 : 500))
  const ask = async (ip: string) => (await app.request('/', { headers: { ip } })).status
  const othersAsk = async (net: number) => {
    for (let n = 0; n < 30_000; n++) await ask(`10.${net}.${n >> 8}.${n & 255}`)
  }
  for (let i = 0; i < 2; i++) expect(await ask('192.0.2.1')).toBe(200)
  await othersAsk(1)
  expect(await ask('192.0.2.1')).toBe(429)
  await othersAsk(2)
  expect(await ask('192.0.2.1')).toBe(429)
  now = 60_000
  expect(await ask('192.0.2.1')).toBe(200)
})

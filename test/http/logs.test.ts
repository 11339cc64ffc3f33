/** The log over the API and on its page: who may, what is shown, and what becomes of who reads too slowly. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { getLogger, startLogging, stopLogging } from '../../src/log.ts'
import { LogTail } from '../../src/log/tail.ts'
import { type HttpWorld, ROMEO, startHttp } from './support.ts'
import { signIn } from './web-support.ts'

interface Line {
  readonly time: string
  readonly level: string
  readonly area: string
  readonly event: string
  readonly [field: string]: unknown
}

let w: HttpWorld
let end: () => void
beforeEach(async () => {
  startLogging({ level: 'info', format: 'text', journal: true, write: () => undefined })
  w = await startHttp()
  const logs = new LogTail()
  end = logs.start()
  Object.assign(w.deps, { logs })
})
afterEach(() => {
  end()
  w[Symbol.dispose]()
  stopLogging()
})

const log = getLogger('play')

/** Lines of an answer, one by one; undefined once the server has ended it. */
function reading(answer: Response) {
  const reader = answer.body?.getReader()
  let text = ''
  return {
    async next(): Promise<Line | undefined> {
      for (;;) {
        const at = text.indexOf('\n')
        if (at > 0) {
          const line = JSON.parse(text.slice(0, at)) as Line
          text = text.slice(at + 1)
          return line
        }
        if (at === 0) {
          text = text.slice(1)
          continue
        }
        const read = await reader?.read()
        if (read?.value === undefined) return undefined
        text += Buffer.from(read.value).toString()
      }
    },
    leave: () => reader?.cancel(),
  }
}

const follow = async (query = '', as = 'operator') => reading(await w.call('GET', `/v1/logs${query}`, { as }))
const events = async (query: string): Promise<string[]> => {
  const answer = await w.call('GET', `/v1/logs?follow=false&${query}`, { as: 'operator' })
  const lines = (await answer.text()).split('\n').filter((line) => line !== '')
  return lines.map((line) => (JSON.parse(line) as Line).event)
}

test('the latest lines, then each as it is written; without secrets', async () => {
  log.info('before', { password: 'gules', n: 1 })
  const lines = await follow()
  expect(await lines.next()).toMatchObject({
    level: 'info',
    area: 'play',
    event: 'before',
    password: '***',
    n: 1,
  })
  log.warn('now', { error: new Error('refused: Bearer abcdefghijklmnop') })
  const now = await lines.next()
  expect(now).toMatchObject({ level: 'warn', event: 'now' })
  expect(JSON.stringify(now)).not.toContain('abcdefghijklmnop')
  await lines.leave()
})

test('by level: what the output leaves out is heard while somebody wants it, and only then', async () => {
  const lines = await follow('?level=debug&last=0')
  expect(log.enabled('debug')).toBe(true)
  log.debug('small')
  expect(await lines.next()).toMatchObject({ level: 'debug', event: 'small' })
  await lines.leave()
  expect(log.enabled('debug')).toBe(false)
  log.info('of no concern')
  log.error('grave')
  expect(await events('level=warn')).toEqual(['grave'])
  // What was written is what is kept.
  expect(await events('level=debug')).toEqual(['of no concern', 'grave'])
})

test('by account: lines that name it or one of its clients, wherever', async () => {
  log.info('whole', { account: ROMEO })
  log.info('client', { by: `${ROMEO}/garden` })
  log.info('inner', { facts: { list: ['x', ROMEO] } })
  log.info('sentence', { text: `no room for ${ROMEO}, sorry` })
  log.info('longer name', { account: `not-${ROMEO}` })
  log.info('longer domain', { account: `${ROMEO}.example` })
  log.info('dot', { account: ROMEO.replace('bix.org', 'bixxorg') })
  log.info('nobody')
  expect(await events(`last=100&user=${encodeURIComponent(ROMEO.toUpperCase())}`)).toEqual([
    'whole',
    'client',
    'inner',
    'sentence',
  ])
})

test('by number and time', async () => {
  for (let i = 0; i < 600; i++) log.info(`line ${i}`)
  const all = await events('last=500')
  expect([all.length, all.at(-1)]).toEqual([500, 'line 599'])
  expect(await events('last=2')).toEqual(['line 598', 'line 599'])
  expect(await events('last=0')).toEqual([])
  expect(await events(`last=500&since=${new Date(Date.now() + 60_000).toISOString()}`)).toEqual([])
  expect(await events('last=500&since=2020-01-01T00:00:00Z')).toHaveLength(500)
})

test('who reads too slowly gets the newest, and is told how many are missing', async () => {
  const lines = await follow('?last=0')
  for (let i = 0; i < 5000; i++) log.info(`line ${i}`, { filler: 'x'.repeat(1500) })
  let [count, lost] = [0, 0]
  let line: Line | undefined
  do {
    line = await lines.next()
    if (line?.area === 'log') lost += Number(line.lines)
    else count++
  } while (line?.event !== 'line 4999')
  expect(lost).toBeGreaterThan(3000)
  expect(count + lost).toBe(5000)
  await lines.leave()
})

test('with the scope alone, as long as the token lives, a minute by TCP, and not for more than twenty', async () => {
  const token = await w.token('logs:read')
  const status = async (as: string) => (await w.call('GET', '/v1/logs?follow=false', { as })).status
  expect([await status(token), await status(await w.token('status'))]).toEqual([200, 403])
  const lines = await follow('?last=0', token)
  const made = (await (await w.call('GET', '/v1/tokens', { as: 'operator' })).json()) as {
    items: { id: number; scopes: string[] }[]
  }
  const id = made.items.find(({ scopes }) => scopes.includes('logs:read'))?.id
  await w.call('DELETE', `/v1/tokens/${id}`, { as: 'operator' })
  w.pass(6_000)
  expect(await lines.next()).toBeUndefined()

  const admin = await w.token('admin')
  const [remote, local] = [await follow('?last=0', admin), await follow('?last=0')]
  w.pass(61_000)
  expect(await remote.next()).toBeUndefined()
  log.info('still there')
  expect(await local.next()).toMatchObject({ event: 'still there' })
  const more = []
  for (let i = 0; i < 19; i++) more.push(await follow('?last=0'))
  const refused = await w.call('GET', '/v1/logs', { as: 'operator' })
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '60'])
  for (const one of [...more, local]) await one.leave()
  const again = await follow()
  await again.leave()
})

test('the page shows the newest first, harmless, and an open one goes on', async () => {
  const headers = await signIn(w)
  const page = async (query: string) => (await w.call('GET', `/admin/logs${query}`, { headers })).text()
  log.info('earlier one', { nick: '<script>alert(1)</script>', token: 'gules' })
  log.error('later one', { account: ROMEO })
  const all = await page('')
  expect(all.indexOf('later one')).toBeLessThan(all.indexOf('earlier one'))
  expect(all).toContain('&lt;script&gt;')
  expect(all).not.toMatch(/gules|<script>/)
  expect(all).toContain('data-events="/admin/logs/events?level=info&amp;user="')
  expect(await page('?level=warn')).not.toContain('earlier one')
  const of = await page(`?user=${encodeURIComponent(ROMEO)}&still=yes`)
  expect([of.includes('later one'), of.includes('earlier one'), of.includes('data-events')]).toEqual([
    true,
    false,
    false,
  ])
  expect(await page('?user=a@@b')).toContain('role="alert"')
  expect(await page('?level=loud')).toContain('role="alert"')

  const open = await w.call('GET', '/admin/logs/events?level=warn&user=', { headers })
  const reader = open.body?.getReader()
  let text = ''
  const until = async (words: string) => {
    while (!text.includes(words)) text += Buffer.from((await reader?.read())?.value ?? []).toString()
  }
  await until('data: log-warn-\n')
  log.warn('third')
  await until('third')
  await reader?.cancel()
  expect((await w.call('GET', '/admin/logs/events')).status).toBe(204)
})

test('a page that follows the level debug has what the output leaves out, until nobody looks', async () => {
  const headers = await signIn(w)
  const still = async () => (await w.call('GET', '/admin/logs?level=debug&still=yes', { headers })).text()
  log.debug('before anybody looked')
  const open = await w.call('GET', '/admin/logs/events?level=debug&user=', { headers })
  const reader = open.body?.getReader()
  let text = ''
  const until = async (words: string) => {
    while (!text.includes(words)) text += Buffer.from((await reader?.read())?.value ?? []).toString()
  }
  await until('data: log-debug-\n')
  log.debug('while somebody looks')
  await until('while somebody looks')
  expect(await still()).toContain('while somebody looks')
  expect(text).not.toContain('before anybody looked')
  // Others see no more than before.
  expect(await (await w.call('GET', '/admin/logs', { headers })).text()).not.toContain('while somebody looks')
  await reader?.cancel()
  while ((await still()).includes('while somebody looks'))
    await new Promise((resolve) => setImmediate(resolve))
  log.debug('behind them')
  expect(await still()).not.toContain('behind them')
})

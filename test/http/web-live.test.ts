/** The dashboard and what keeps an open one up to date. */
import { expect, test } from 'bun:test'
import { Hono } from 'hono'
import type { AppEnv } from '../../src/http/context.ts'
import { Broadcast } from '../../src/http/web/broadcast.ts'
import { certificateExpiry } from '../../src/metrics/metrics.ts'
import { systemClock } from '../../src/store/clock.ts'
import type { Figures } from '../../src/store/figures.ts'
import { type HttpWorld, startHttp } from './support.ts'
import { FORM, signIn } from './web-support.ts'

const MINUTE = 60_000

/** Events of an open page, one by one; undefined once the server has ended them. */
class Events {
  #text = ''
  readonly #reader

  constructor(readonly answer: Response) {
    this.#reader = answer.body?.getReader()
  }

  /** The next part, by its name. */
  async part(name: string): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf('\n\n')
      if (end >= 0) {
        const lines = this.#text.slice(0, end).split('\n')
        this.#text = this.#text.slice(end + 2)
        const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6))
        if (lines[0] === 'event: part' && data[0] === name) return data.slice(1).join('\n')
        continue
      }
      const read = await this.#reader?.read()
      if (read?.value === undefined) return undefined
      this.#text += Buffer.from(read.value).toString()
    }
  }

  leave = () => this.#reader?.cancel()
}

const opens = async (w: HttpWorld, headers: Record<string, string>, path = '/admin/events') =>
  new Events(await w.call('GET', path, { headers }))

const figures = (w: HttpWorld, at: number, change: Partial<Figures>) =>
  w.router.run((t) =>
    t.store.figures.add(at, {
      ...{ sessions: 0, messages: 0, pushSent: 0, pushMerged: 0, pushRetried: 0, pushDropped: 0 },
      ...{ pushLatency: null, loopLag: null, diskFree: 5e9, memory: 1e8 },
      ...change,
    }),
  )

test('the dashboard has plots of an hour, a day and a month, and no script of its own in them', async () => {
  using w = await startHttp()
  const cookie = await signIn(w)
  const now = Math.floor(w.deps.clock.now() / MINUTE) * MINUTE
  for (const ago of [300, 90, 5, 4, 3, 1]) await figures(w, now - ago * MINUTE, { sessions: 40 + ago })
  const page = async (span: string) =>
    (await w.call('GET', `/admin/?span=${span}`, { headers: cookie })).text()
  const hour = await page('hour')
  expect(hour).toContain('aria-label="Sessions: 41, at most 45"')
  // A gap of a minute begins a new line; a minute alone is a dot.
  expect(/Sessions: 41[^>]*>\s*<path class="one" d="([^"]*)"/.exec(hour)?.[1]).toBe(
    'M559 0L569 2L579 4M600 9h0',
  )
  expect(hour).toContain('Push answer (95 %)</span> <strong>no data yet')
  expect(await page('day')).toContain('Sessions: 42, at most 340')
  expect(await page('month')).toContain('aria-current="page">Last month')
  expect(await page('<script>')).toContain('aria-current="page">Last hour')
  expect(hour).not.toMatch(/style=|<script(?! src="\/admin\/admin\.js)/)
  expect(hour.length).toBeLessThan(100_000)
})

test('an open dashboard hears of what changes, and of nothing else', async () => {
  using w = await startHttp()
  const cookie = await signIn(w)
  const events = await opens(w, cookie)
  expect(events.answer.headers.get('content-type')).toBe('text/event-stream')
  expect(await events.part('now')).toContain('ready')
  expect(await events.part('plots-hour')).toContain('aria-label="Sessions: no data yet"')
  w.checks[0] = { name: 'store', ok: false, detail: 'torn\r<script>' }
  const red = await events.part('now')
  expect(red).toContain('not ready')
  expect(red).toContain('torn\n&lt;script&gt;')
  certificateExpiry.labels('bix.org').set(w.deps.clock.now() / 1000 + 20 * 86_400)
  expect(await events.part('now')).toContain('The certificate of bix.org ends in 20 days.')
  certificateExpiry.reset()
  await events.leave()
})

test('events are for administrators, end with the session, and are no use of it', async () => {
  using w = await startHttp()
  expect((await w.call('GET', '/admin/events')).status).toBe(204)
  const cookie = await signIn(w)
  const events = await opens(w, cookie)
  await events.part('now')
  await w.call('POST', '/admin/logout', { headers: { ...FORM, ...cookie }, raw: '' })
  expect(await events.part('never')).toBeUndefined()
  const idle = await signIn(w)
  w.pass(29 * MINUTE)
  await (await opens(w, idle)).leave()
  w.pass(2 * MINUTE)
  expect((await w.call('GET', '/admin/', { headers: idle })).status).toBe(303)
})

test('who takes the events too slowly is let go, and there is an end to how many look', async () => {
  using w = await startHttp()
  const cookie = await signIn(w)
  const slow = await opens(w, cookie)
  const watcher = await opens(w, cookie)
  for (let i = 0; i < 6; i++) {
    w.alarms.splice(0, 1, { name: 'queue', text: `${i}`.repeat(50_000) })
    while (!(await watcher.part('now'))?.includes(`${i}`.repeat(50_000)));
  }
  w.alarms.length = 0
  let heard = 0
  while ((await slow.part('now')) !== undefined) heard++
  expect(heard).toBeLessThan(5)
  const more = []
  for (let i = 0; i < 199; i++) more.push(await opens(w, cookie))
  const tooMany = await w.call('GET', '/admin/events', { headers: cookie })
  expect([tooMany.status, tooMany.headers.get('retry-after')]).toEqual([503, '60'])
  for (const events of [...more, watcher]) await events.leave()
})

test('a part that cannot be made is left as it is, and the others go on', async () => {
  const broadcast = new Broadcast({ clock: systemClock, every: 1 })
  let n = 0
  let gone = false
  const parts = [
    {
      name: 'gone',
      make: () => {
        gone = true
        throw new Error('what it is about has gone')
      },
    },
    { name: 'there', make: () => `look ${(n = Math.min(n + 1, 3))}` },
  ]
  const app = new Hono<AppEnv>()
  app.get('/', (c) => broadcast.answer(c, parts, () => true))
  const events = new Events(await app.request('/'))
  for (const text of ['look 1', 'look 2', 'look 3']) expect(await events.part('there')).toBe(text)
  expect(gone).toBe(true)
  await events.leave()
})

test('where no backup was made the part of the page that is about one is empty', async () => {
  using w = await startHttp()
  const headers = await signIn(w)
  const open = await w.call('GET', '/admin/backups/events', { headers })
  const reader = open.body?.getReader()
  let text = ''
  while (!/data: work\n(?:data: .*\n)+\n/.test(text))
    text += Buffer.from((await reader?.read())?.value ?? []).toString()
  await reader?.cancel()
  expect(text).toContain('data: work\ndata: \n\n')
})

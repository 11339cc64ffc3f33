import { Database } from 'bun:sqlite'
import { afterEach, expect, test } from 'bun:test'
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  entryIn,
  failureEvent,
  getLogger,
  type LogEntry,
  type LogOptions,
  OutsideError,
  startLogging,
  stopLogging,
  tapLog,
  textLine,
} from '../src/log.ts'

afterEach(stopLogging)

function capture(options: Partial<LogOptions> = {}): string[] {
  const lines: string[] = []
  startLogging({
    level: 'debug',
    format: 'text',
    journal: true,
    write: (line) => lines.push(line),
    ...options,
  })
  return lines
}

test('one line of key=value, with the priority that journald reads', () => {
  const lines = capture()
  getLogger('c2s').info('session opened', { id: 'a1', ip: '192.0.2.1', n: 3, none: undefined })
  getLogger('push').error('provider answered', { reason: 'two words' })
  expect(lines).toEqual([
    '<6>level=info area=c2s event="session opened" id=a1 ip=192.0.2.1 n=3\n',
    '<3>level=error area=push event="provider answered" reason="two words"\n',
  ])
})

test('one JSON object per line', () => {
  const lines = capture({ format: 'json' })
  getLogger('http').warn('slow', { ms: 12, inner: { a: 1n } })
  const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>
  expect(line).toMatchObject({ level: 'warn', area: 'http', event: 'slow', ms: 12, inner: { a: '1' } })
  expect(line.time).toBeString()
})

test('secrets and bodies are masked by name, at every depth', () => {
  const secret = 'hunter2-SECRET'
  const lines = capture()
  const fields = {
    password: secret,
    new_password: secret,
    apnsToken: secret,
    body: secret,
    key: secret,
    p8: secret,
  }
  getLogger('x').info('all', { ...fields, nested: [{ headers: { Authorization: secret, cookie: secret } }] })
  expect(lines.join('')).not.toContain(secret)
  expect(lines[0]).toContain('password=***')
})

test('what people send cannot start a new line or reach the terminal (case 83)', () => {
  const lines = capture()
  getLogger('x').info('named', { nick: 'a\nlevel=error\u001b[2J\u009b31m\u202e\u2028b' })
  expect(lines[0]?.trimEnd()).toBe(
    '<6>level=info area=x event=named nick="a\\nlevel=error\\u001b[2J\\u009b31m\\u202e\\u2028b"',
  )
})

test('a long value is cut, a deep or endless one does not break the line', () => {
  const lines = capture()
  const loop: Record<string, unknown> = {}
  loop.self = loop
  getLogger('x').info('big', { text: 'y'.repeat(10_000), loop, bytes: new Uint8Array(9) })
  expect(lines[0]?.length).toBeLessThan(2300)
  expect(lines[0]).toContain('bytes="9 bytes"')
})

test('an error is shown with its cause', () => {
  const lines = capture()
  getLogger('x').error('failed', { error: new Error('outer', { cause: new Error('disk full') }) })
  expect(lines[0]).toContain('Error: outer')
  expect(lines[0]).toContain('disk full')
  expect(lines[0]?.trimEnd()).not.toContain('\n')
})

test('a flood of one event is cut to 200 a second and summed up; others still pass', () => {
  let now = 1_000_000
  const lines = capture({ now: () => now })
  const log = getLogger('x')
  for (let i = 0; i < 1000; i++) log.warn('same thing')
  log.warn('other thing')
  expect(lines).toHaveLength(201)
  now += 1000
  log.warn('same thing')
  expect(lines[201]).toContain('event="repeated lines left out" of="belfry.x same thing" lines=800')
  expect(lines).toHaveLength(203)
})

test('an area is cut to its lines a second; neither another area nor another level of it suffers', () => {
  let now = 1_000_000
  const lines = capture({ now: () => now, lines_per_second: 50 })
  const [noisy, other] = [getLogger('noisy'), getLogger('other')]
  for (let i = 0; i < 300; i++) noisy.debug(`thing ${i}`)
  noisy.error('what matters')
  other.debug('quiet')
  expect(lines).toHaveLength(52)
  expect(lines.slice(50).join('')).toContain('event="what matters"')
  now += 1000
  noisy.debug('later')
  expect(lines[52]).toContain('event="lines of an area left out" of="belfry.noisy debug" lines=250')
  expect(lines[53]).toContain('event=later')
})

test('repeated lines of an event take no share of its area', () => {
  const lines = capture({ now: () => 1_000_000, lines_per_second: 250 })
  const log = getLogger('x')
  for (let i = 0; i < 1000; i++) log.warn('again and again')
  log.warn('something else')
  expect(lines.at(-1)).toContain('event="something else"')
})

test('credentials in a sentence are masked, by what they look like', () => {
  const lines = capture()
  const secrets = [
    'bfy_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4',
    'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJURUFNIn0.c2lnbmF0dXJl',
    'ab'.repeat(32),
    'cm9tZW86Z3VsZXM=',
  ]
  const [own, signed, device, basic] = secrets
  const text = `refused: Authorization: Bearer ${own} and basic ${basic}, ${signed} for ${device}`
  getLogger('x').error('failed', {
    text,
    error: new OutsideError(text, { cause: new OutsideError(`x ${signed}`) }),
  })
  for (const secret of secrets) expect(lines.join('')).not.toContain(secret)
  expect(lines[0]).toContain('Bearer ***')
  // Cut after it was masked: half an address would no longer look like one.
  getLogger('x').info('long', { text: `${'y'.repeat(1985)} https://romeo:gules@bix.org/` })
  expect(lines[1]).not.toContain('gules')
})

test('who listens hears what is written, or more of it, masked; nobody pays for it afterwards', () => {
  const lines = capture({ level: 'warn' })
  const log = getLogger('x')
  const [same, more]: [string[], LogEntry[]] = [[], []]
  const ends = [
    tapLog(undefined, ({ event }) => same.push(event)),
    tapLog('debug', (entry) => more.push(entry)),
  ]
  log.debug('small', { password: 'gules' })
  log.warn('large')
  expect([lines.length, same, more.map(({ event }) => event)]).toEqual([1, ['large'], ['small', 'large']])
  expect(more[0]).toMatchObject({ level: 'debug', area: 'x', fields: { password: '***' } })
  expect(log.enabled('debug')).toBe(true)
  // A reload of the configuration leaves them.
  startLogging({ level: 'error', format: 'text', write: (line) => lines.push(line) })
  log.debug('after')
  expect(more.at(-1)?.event).toBe('after')
  for (const end of ends) end()
  log.warn('unheard')
  expect([more.length, same.length, lines.length, log.enabled('warn')]).toEqual([3, 1, 1, false])
})

test('a line of JSON is read back as the entry that it was', () => {
  const lines = capture({ format: 'json', journal: false })
  const seen: LogEntry[] = []
  const end = tapLog('debug', (entry) => seen.push(entry))
  getLogger('c2s').warn('odd', { jid: 'a@b/\u202e', n: 3 })
  end()
  expect(entryIn(lines[0] ?? '')).toEqual(seen[0] as LogEntry)
  expect(textLine(false)(entryIn(lines[0] ?? ''))).toEndWith(
    'level=warn area=c2s event=odd jid="a@b/\\u202e" n=3\n',
  )
})

test('levels', () => {
  const lines = capture({ level: 'warn' })
  const log = getLogger('x')
  log.info('no')
  log.warn('yes')
  expect(lines).toHaveLength(1)
  expect([log.enabled('info'), log.enabled('error')]).toEqual([false, true])
})

test('an error without a stack or a text still has its name', () => {
  const lines = capture()
  const bare = new Error('')
  bare.name = 'AbortError'
  bare.stack = ''
  getLogger('x').error('failed', { error: bare })
  expect(lines[0]).toContain('error=AbortError')
})

function raised(f: () => unknown): unknown {
  try {
    f()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

class CertificateError extends Error {
  override readonly name = 'CertificateError'
}
const query = (sql: string) => raised(() => new Database(':memory:').run(sql))

test.each<[string, unknown, string]>([
  ['a file', raised(() => readFileSync('/nowhere')), "ENOENT: no such file or directory, open '/nowhere'"],
  ['a key', raised(() => createPrivateKey('no key')), 'error:'],
  ['a sentence of ours', new OutsideError('the port is taken'), 'the port is taken'],
  ['one of a class', new CertificateError('a.pem is empty'), 'a.pem is empty'],
  [
    'a full disk',
    Object.assign(new Error('database or disk is full'), { name: 'SQLiteError', code: 'SQLITE_FULL' }),
    'database or disk is full (SQLITE_FULL)',
  ],
  [
    'time',
    raised(() =>
      AbortSignal.abort(new DOMException('The operation timed out.', 'TimeoutError')).throwIfAborted(),
    ),
    'The operation timed out.',
  ],
  [
    'told with its cause',
    new OutsideError('the port cannot be had: EACCES', { cause: new OutsideError('EACCES') }),
    'EACCES',
  ],
  [
    'told without its cause',
    new OutsideError('no push', { cause: new OutsideError('no DNS') }),
    'no push (because: no DNS)',
  ],
])('%s that is not as it must be is one sentence', (_what, error, text) => {
  const lines = capture({ format: 'json' })
  getLogger('x').error(failureEvent('a start', error), { error })
  const line = JSON.parse(lines[0] ?? '') as { error: string; event: string }
  expect(line.event).toBe('a start failed')
  expect(line.error).toContain(text)
  expect(line.error).not.toMatch(/\n|log\.test/)
  expect(line.error.split('EACCES').length).toBeLessThan(3)
})

test.each<[string, unknown]>([
  ['a TypeError', raised(() => (undefined as unknown as { x: { y: number } }).x.y)],
  ['a RangeError', raised(() => 'x'.repeat(-1))],
  ['an Error that should never be thrown', new Error('a trip runs inside a trip')],
  ['a wrong query', query('SELECT nothing FROM nowhere')],
  ['behind a sentence', new OutsideError('the push failed', { cause: new TypeError('x is not a function') })],
])('%s is a bug and keeps its trace', (what, error) => {
  const lines = capture({ format: 'json' })
  getLogger('x').error(failureEvent('a start', error), { error })
  const line = JSON.parse(lines[0] ?? '') as { error: string; event: string }
  expect(line.error).toContain('log.test')
  if (!what.startsWith('behind')) expect(line.event).toBe('a start met a bug')
})

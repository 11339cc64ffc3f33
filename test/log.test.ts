import { Database } from 'bun:sqlite'
import { afterEach, expect, test } from 'bun:test'
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  failureEvent,
  getLogger,
  type LogOptions,
  OutsideError,
  startLogging,
  stopLogging,
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

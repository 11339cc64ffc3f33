/**
 * Structured logging: a constant event sentence and fields. Output is logfmt or JSON, one line per event, for
 * journald or a pipe. Secrets and message bodies are masked by the name of their field.
 */
import { configureSync, getLogger as logtape, type LogRecord, resetSync } from '@logtape/logtape'
import { maskAddresses } from './net/mask-address.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type Fields = Readonly<Record<string, unknown>>

export interface Log {
  debug(event: string, fields?: Fields): void
  info(event: string, fields?: Fields): void
  warn(event: string, fields?: Fields): void
  error(event: string, fields?: Fields): void
  /** For fields that cost something to compute. */
  enabled(level: LogLevel): boolean
}

const LEVELS = { debug: 'debug', info: 'info', warn: 'warning', error: 'error' } as const
/** Syslog priorities; journald reads them as "<6>" at the start of a line. */
const PRIORITY: Readonly<Record<string, number>> = { debug: 7, info: 6, warning: 4, error: 3, fatal: 2 }

const SECRET =
  /pass(word|wd|phrase)|token|secret|authorization|cookie|credential|private|jwt|\bp8\b|proof|salted|storedkey|serverkey/i
const SECRET_EXACT = new Set([
  'body',
  'auth',
  'response',
  'challenge',
  'key',
  'plain',
  'stanza',
  'xml',
  'payload',
])
const MASK = '***'
const LONGEST_VALUE = 2000
/** Lines per second of one event; a flood of one kind must not drown the others, nor the disk. */
const FLOOD = 200
/** Unwritten output beyond this is dropped and counted: a stuck journal may not take the server's memory. */
const BACKLOG = 1024 * 1024

export function getLogger(area: string): Log {
  const logger = logtape(['belfry', area])
  return {
    debug: (event, fields) => logger.debug(event, fields ?? {}),
    info: (event, fields) => logger.info(event, fields ?? {}),
    warn: (event, fields) => logger.warn(event, fields ?? {}),
    error: (event, fields) => logger.error(event, fields ?? {}),
    enabled: (level) => logger.isEnabledFor(LEVELS[level]),
  }
}

export interface LogOptions {
  readonly level: LogLevel
  readonly format: 'text' | 'json'
  /** Tests read the lines here. */
  readonly write?: (line: string) => void
  readonly now?: () => number
  /** Set by systemd when stdout is the journal, which stamps the lines itself. */
  readonly journal?: boolean
}

/** Starts or replaces the one sink of the process. Before it runs, nothing is written. */
export function startLogging(options: LogOptions): void {
  const write = options.write ?? standardOutput()
  const format =
    options.format === 'json' ? jsonLine : textLine(options.journal ?? !!process.env.JOURNAL_STREAM)
  const admit = floodGate(options.now ?? Date.now, (record) => write(format(record)))
  configureSync({
    reset: true,
    sinks: { out: (record) => admit(record) && write(format(record)) },
    loggers: [
      { category: ['belfry'], lowestLevel: LEVELS[options.level], sinks: ['out'] },
      { category: ['logtape', 'meta'], lowestLevel: 'error', sinks: ['out'] },
    ],
  })
}

export function stopLogging(): void {
  resetSync()
}

/** A reader that went away (EPIPE) or a full disk loses log lines, never the server. */
function standardOutput(): (line: string) => void {
  let dropped = 0
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.listenerCount('error') === 0) stream.on('error', () => undefined)
  }
  return (line) => {
    if (process.stdout.writableLength > BACKLOG) {
      dropped++
      return
    }
    const lost = dropped > 0 ? `level=warn area=log event="log lines lost" lines=${dropped}\n` : ''
    dropped = 0
    try {
      process.stdout.write(lost + line)
    } catch {
      // Nowhere is left to tell it.
    }
  }
}

function floodGate(now: () => number, tell: (record: LogRecord) => void): (record: LogRecord) => boolean {
  const seen = new Map<string, number>()
  let second = 0
  return (record) => {
    const current = Math.floor(now() / 1000)
    if (current !== second) {
      second = current
      for (const [event, lines] of seen) {
        if (lines > FLOOD) tell(summary(record, event, lines - FLOOD))
      }
      seen.clear()
    }
    const event = `${record.category.join('.')} ${String(record.rawMessage)}`
    const lines = (seen.get(event) ?? 0) + 1
    seen.set(event, lines)
    return lines <= FLOOD
  }
}

const summary = (record: LogRecord, event: string, lines: number): LogRecord => ({
  ...record,
  level: 'warning',
  category: ['belfry', 'log'],
  rawMessage: 'repeated lines left out',
  properties: { of: event, lines },
})

const levelName = (record: LogRecord): string => (record.level === 'warning' ? 'warn' : record.level)
const areaOf = (record: LogRecord): string => record.category.slice(1).join('.') || 'belfry'

function jsonLine(record: LogRecord): string {
  const fields = mask(record.properties)
  const line = {
    time: new Date(record.timestamp).toISOString(),
    level: levelName(record),
    area: areaOf(record),
  }
  return (
    JSON.stringify({ ...line, event: maskAddresses(String(record.rawMessage)), ...(fields as object) }) + '\n'
  )
}

function textLine(journal: boolean): (record: LogRecord) => string {
  return (record) => {
    const head = journal
      ? `<${PRIORITY[record.level] ?? 6}>`
      : `time=${new Date(record.timestamp).toISOString()} `
    let line = `${head}level=${levelName(record)} area=${areaOf(record)} event=${quote(maskAddresses(String(record.rawMessage)))}`
    for (const [key, value] of Object.entries(mask(record.properties) as object)) {
      if (value !== undefined)
        line += ` ${key}=${quote(typeof value === 'string' ? value : JSON.stringify(value))}`
    }
    return line + '\n'
  }
}

/** Bare where it is one plain word; else a JSON string. Control and bidi characters never reach a terminal. */
function quote(value: string): string {
  const text = value.length > LONGEST_VALUE ? `${value.slice(0, LONGEST_VALUE)}…` : value
  if (/^[\w.:/@+,*[\]-]+$/.test(text)) return text
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/**
 * Fields as plain data: secrets masked, errors as their message and cause, nothing deep and nothing endless. LogTape's
 * redaction masks by name and by pattern too, but does none of the rest, which would have to go through the fields again.
 */
export function mask(value: unknown, depth = 0): unknown {
  if (value instanceof Error) return errorFields(value, depth)
  if (typeof value === 'string') return maskAddresses(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (depth > 4) return '…'
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (Array.isArray(value)) return value.slice(0, 50).map((item) => mask(item, depth + 1))
  const out: Record<string, unknown> = {}
  for (const [key, item] of Object.entries(value) as [string, unknown][]) {
    const secret = SECRET.test(key) || SECRET_EXACT.has(key.toLowerCase())
    out[key] = secret && item !== undefined && item !== null ? MASK : mask(item, depth + 1)
  }
  return out
}

function errorFields(error: Error, depth: number): string {
  const text = isBug(error) ? error.stack || error.message : sentence(error)
  if (error.cause === undefined || depth > 3) return maskAddresses(text)
  const cause = String(mask(error.cause, depth + 1))
  // Sentences for the operator mostly end in that of their cause.
  const isTold =
    text.includes(error.cause instanceof Error ? error.cause.message : cause) && !isBug(error.cause)
  return maskAddresses(isTold ? text : `${text} (because: ${cause})`)
}

function sentence(error: Error): string {
  const code = 'code' in error ? String(error.code) : ''
  const text = error.message === '' ? error.name : error.message
  return code === '' || text.includes(code) ? text : `${text} (${code})`
}

/** Code of an error of the system or a library, such as ENOENT; undefined where it has none. */
export const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined

/**
 * Thrown where something outside of the program is not as it must be: a file, a key, a port, a peer. Its message is the
 * sentence that is told; a trace would lead nowhere.
 */
export class OutsideError extends Error {
  override readonly name = 'OutsideError'
}

/** The runtime's errors for what a program does wrong. A plain Error is one of our own that should never be thrown. */
const OF_PROGRAMS: ReadonlySet<unknown> = new Set([
  TypeError,
  RangeError,
  ReferenceError,
  SyntaxError,
  EvalError,
  URIError,
])
/** SQLite's codes for a wrong query or a broken promise; all others are about files, locks and room. */
const WRONG_QUERY = /^SQLITE_(ERROR|MISUSE|RANGE|MISMATCH|CONSTRAINT)/

/** Whether the program itself is at fault, so that a trace helps; else a sentence says what to mend. */
export function isBug(error: unknown): boolean {
  if (!(error instanceof Error)) return true
  if ('code' in error && error.name === 'SQLiteError') return WRONG_QUERY.test(String(error.code))
  // Those of the system and the runtime are plain ones with a code, such as ENOENT, or a name, such as AbortError.
  if (error.constructor === Error) return error.name === 'Error' && !('code' in error)
  return OF_PROGRAMS.has(error.constructor)
}

/** An event of the log: `what` met a bug, or could not be done because of something else. */
export const failureEvent = (what: string, error: unknown): string =>
  `${what} ${isBug(error) ? 'met a bug' : 'failed'}`

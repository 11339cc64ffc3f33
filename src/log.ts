/**
 * Structured logging: a constant event sentence and fields. Output is logfmt or JSON, one line per event, for
 * journald or a pipe. Secrets and message bodies are masked by the name of their field.
 */
import { configureSync, getLogger as logtape, type LogRecord, resetSync } from '@logtape/logtape'
import { floodGate } from './log/flood.ts'
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

/** Syslog priorities; journald reads them as "<6>" at the start of a line. */
const PRIORITY: Readonly<Record<LogLevel, number>> = { debug: 7, info: 6, warn: 4, error: 3 }

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
/** Unwritten output beyond this is dropped and counted: a stuck journal may not take the server's memory. */
const BACKLOG = 1024 * 1024

export function getLogger(area: string): Log {
  const logger = logtape(['belfry', area])
  return {
    debug: (event, fields) => logger.debug(event, fields ?? {}),
    info: (event, fields) => logger.info(event, fields ?? {}),
    warn: (event, fields) => logger.warn(event, fields ?? {}),
    error: (event, fields) => logger.error(event, fields ?? {}),
    enabled: (level) => RANK[level] >= lowest,
  }
}

/** An event as it may be shown: its fields are masked. */
export interface LogEntry {
  /** RFC 3339. */
  readonly time: string
  readonly level: LogLevel
  readonly area: string
  readonly event: string
  readonly fields: Readonly<Record<string, unknown>>
}

export interface LogOptions {
  readonly level: LogLevel
  readonly format: 'text' | 'json'
  /** Lines per second of one area at one level. */
  readonly lines_per_second?: number
  /** Tests read the lines here. */
  readonly write?: (line: string) => void
  readonly now?: () => number
  /** Set by systemd when stdout is the journal, which stamps the lines itself. */
  readonly journal?: boolean
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }
const SILENT = 4

/** Those who hear of events beside the output, with the least level that they want; undefined: as the output. */
const taps = new Map<(entry: LogEntry) => void, LogLevel | undefined>()
/** The output, once it runs. */
let output: { readonly rank: number; readonly take: (record: LogRecord) => void } | undefined
/** Rank of the least severe level that anybody wants. */
let lowest = SILENT

/** Starts or replaces the output of the process. Before it runs, nothing is written. */
export function startLogging(options: LogOptions): void {
  const write = options.write ?? standardOutput()
  const format =
    options.format === 'json' ? jsonLine : textLine(options.journal ?? !!process.env.JOURNAL_STREAM)
  const rank = RANK[options.level]
  const emit = (record: LogRecord): void => {
    const entry = entryOf(record)
    const isWritten = RANK[entry.level] >= rank
    if (isWritten) write(format(entry))
    for (const [hear, level] of taps)
      if (level === undefined ? isWritten : RANK[entry.level] >= RANK[level]) hear(entry)
  }
  const admit = floodGate(options.lines_per_second ?? Infinity, options.now ?? Date.now, emit)
  output = { rank, take: (record) => admit(record) && emit(record) }
  configure()
}

/** Calls `hear` with each event of that level on, also where the output leaves it out; undefined: with what that writes. */
export function tapLog(level: LogLevel | undefined, hear: (entry: LogEntry) => void): () => void {
  taps.set(hear, level)
  configure()
  return () => {
    taps.delete(hear)
    configure()
  }
}

/** Levels that nobody wants cost nothing. */
function configure(): void {
  if (!output) return
  const { rank, take } = output
  lowest = Math.min(rank, ...[...taps.values()].map((level) => (level === undefined ? SILENT : RANK[level])))
  const level = LOWEST[lowest] ?? 'error'
  configureSync({
    reset: true,
    sinks: { out: take },
    loggers: [
      { category: ['belfry'], lowestLevel: level, sinks: ['out'] },
      { category: ['logtape', 'meta'], lowestLevel: 'error', sinks: ['out'] },
    ],
  })
}

const LOWEST = ['debug', 'info', 'warning', 'error'] as const

export function stopLogging(): void {
  output = undefined
  lowest = SILENT
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

const LEVELS: Readonly<Record<string, LogLevel>> = { debug: 'debug', info: 'info', warning: 'warn' }

const entryOf = (record: LogRecord): LogEntry => ({
  time: new Date(record.timestamp).toISOString(),
  level: LEVELS[record.level] ?? 'error',
  area: record.category.slice(1).join('.') || 'belfry',
  event: maskAddresses(String(record.rawMessage)),
  fields: mask(record.properties) as LogEntry['fields'],
})

/** One JSON object. */
export const jsonLine = ({ fields, ...head }: LogEntry): string =>
  `${JSON.stringify({ ...head, ...fields })}\n`

/** The entry of such a line. */
export function entryIn(line: string): LogEntry {
  const { time, level, area, event, ...fields } = JSON.parse(line) as Omit<LogEntry, 'fields'>
  return { time, level, area, event, fields }
}

/** One line of key=value. */
export function textLine(journal: boolean): (entry: LogEntry) => string {
  return ({ time, level, area, event, fields }) => {
    const head = journal ? `<${PRIORITY[level]}>` : `time=${time} `
    const text = textOf(fields)
    return `${head}level=${level} area=${area} event=${quote(event)}${text === '' ? '' : ` ${text}`}\n`
  }
}

/** Fields as key=value. */
export const textOf = (fields: LogEntry['fields']): string =>
  Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${quote(typeof value === 'string' ? value : JSON.stringify(value))}`)
    .join(' ')

/** Bare where it is one plain word; else a JSON string. Control and bidi characters never reach a terminal. */
function quote(value: string): string {
  const text = value.length > LONGEST_VALUE ? `${value.slice(0, LONGEST_VALUE)}…` : value
  if (/^[\w.:/@+,*[\]-]+$/.test(text)) return text
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Credentials that stand in a sentence: of a header, a signed token, one of ours, a device's. */
const CREDENTIAL =
  /\b(?:(bearer|basic) +[\w.~+/=-]{8,}|eyJ[\w-]+\.[\w-]+\.[\w-]*|bfy_[\w-]{8,}|[\da-f]{64,})/gi

/** A text without credentials and what lets a caller in, and not endless. */
function maskText(text: string): string {
  const masked = maskAddresses(text).replace(CREDENTIAL, (_all, scheme?: string) =>
    scheme === undefined ? MASK : `${scheme} ${MASK}`,
  )
  return masked.length > LONGEST_VALUE ? `${masked.slice(0, LONGEST_VALUE)}…` : masked
}

/**
 * Fields as plain data: secrets masked, errors as their message and cause, nothing deep and nothing endless. LogTape's
 * redaction masks by name and by pattern too, but does none of the rest, which would have to go through the fields again.
 */
export function mask(value: unknown, depth = 0): unknown {
  if (value instanceof Error) return errorFields(value, depth)
  if (typeof value === 'string') return maskText(value)
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
  if (error.cause === undefined || depth > 3) return maskText(text)
  const cause = String(mask(error.cause, depth + 1))
  // Sentences for the operator mostly end in that of their cause.
  const isTold =
    text.includes(error.cause instanceof Error ? error.cause.message : cause) && !isBug(error.cause)
  return maskText(isTold ? text : `${text} (because: ${cause})`)
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

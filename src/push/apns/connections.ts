/** Counts what becomes of connections to Apple. Causes are the peer's and the runtime's words: a few kinds are told apart. */
import { pushConnections } from '../../metrics/metrics.ts'

const EVENTS: Readonly<Record<string, string>> = {
  connected: 'opened',
  'connection left': 'left',
  'cannot connect': 'failed',
}

export function countConnection(name: string, cause: unknown): void {
  const event = EVENTS[name]
  if (event === undefined) return
  pushConnections.inc({ event, cause: event === 'opened' ? '' : causeOf(cause) })
}

/** GOAWAY's own reason is dropped: it is in the log. */
export function causeOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : typeof cause === 'string' ? cause : ''
  if (text.startsWith('GOAWAY')) return 'goaway'
  if (text.includes('PING')) return 'ping'
  if (text.includes('deadline')) return 'deadline'
  if (text === 'stopping') return 'stopping'
  if (text === 'stream ids run out') return 'rotated'
  // A reason of Apple's after which the connection is of no use.
  return /^[A-Z][A-Za-z]{3,40}$/.test(text) ? 'answer' : 'lost'
}

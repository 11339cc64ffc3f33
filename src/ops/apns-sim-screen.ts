/** Picture of a push as a phone would show it, as one block of text for a terminal. */
import { isRecord } from './apns-sim-checks.ts'

export interface Shown {
  readonly at: number
  readonly token: string
  readonly topic: string
  readonly pushType: string
  readonly priority: string
  readonly collapseId: string | undefined
  readonly payload: Record<string, unknown>
  /** The same phone showed a push with this collapse-id before: this one replaces it. */
  readonly replaces: boolean
}

const WIDTH = 78

export function phoneScreen(push: Shown): string {
  const aps = isRecord(push.payload.aps) ? push.payload.aps : {}
  const time = new Date(push.at).toISOString().slice(11, 19)
  const head = `── ${time} ── ${clean(push.topic)} ── ${clean(push.pushType)}, priority ${clean(push.priority)} `
  const lines = [head.padEnd(WIDTH, '─'), ...alertLines(aps.alert)]
  if (push.replaces) lines.push('   (updates the earlier one)')
  const facts: string[] = []
  if (typeof aps.badge === 'number') facts.push(`badge ${aps.badge}`)
  if (typeof aps.sound === 'string') facts.push(`sound ${clean(aps.sound)}`)
  if (typeof aps['thread-id'] === 'string') facts.push(`thread ${clean(aps['thread-id'])}`)
  if (aps['mutable-content'] === 1) facts.push('changed by the app before it is shown')
  if (aps['content-available'] === 1) facts.push('wakes the app unseen')
  facts.push(`token ${push.token.slice(0, 8)}…`)
  if (push.collapseId !== undefined) facts.push(`collapse-id ${clean(push.collapseId)}`)
  lines.push(`   ${facts.join(' · ')}`)
  return lines.join('\n') + '\n'
}

function alertLines(alert: unknown): string[] {
  if (typeof alert === 'string') return [`   ${clean(alert)}`]
  if (!isRecord(alert)) return ['   (nothing to see)']
  const lines: string[] = []
  for (const part of ['title', 'subtitle', 'body', 'loc-key'] as const) {
    const value = alert[part]
    if (typeof value === 'string' && value !== '') lines.push(`   ${clean(value)}`)
  }
  return lines.length > 0 ? lines : ['   (nothing to see)']
}

/** A payload is a stranger's text: no control or direction characters reach the terminal. */
const clean = (text: string): string =>
  text
    .replace(/\r?\n/g, ' ⏎ ')
    .replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')

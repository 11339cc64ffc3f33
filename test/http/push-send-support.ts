/** Requests of a back end, and of the app that registers tokens for it. */
import { expect } from 'bun:test'
import type { Trip } from '../../src/routing/transit.ts'
import { type Answered, doorOf } from '../support/door.ts'
import type { Play } from '../support/world.ts'

export const JULIET = 'juliet@bix.org'

interface Pushed {
  readonly result: string
  readonly code: string | null
  readonly detail: string | null
}
export interface Sent extends Pushed {
  readonly id: string
  readonly bytes: number | null
  readonly pushes: readonly Pushed[]
}

/** As the operator's program. */
export const asks = (p: Play, method: string, path: string, body?: unknown): Promise<Answered> =>
  doorOf(p)(method, path, body)

export async function items(p: Play, all: readonly unknown[]): Promise<{ readonly items: readonly Sent[] }> {
  const { status, body } = await asks(p, 'POST', '/v1/push/send', { items: all })
  expect({ status, body }).toMatchObject({ status: 202 })
  return body as unknown as { items: Sent[] }
}

/** One item, and what became of it. */
export async function sends(p: Play, item: unknown): Promise<Sent> {
  const [sent] = (await items(p, [item])).items
  if (!sent) throw new Error('no item in the answer')
  return sent
}

/** Juliet's app registers a token of her first device; returns its id. */
export async function registers(p: Play, kind: string, token: string, name?: string): Promise<string> {
  const body = { kind, token, ...(name === undefined ? {} : { name }) }
  const answer = await doorOf(p)('POST', '/v1/me/devices/1/tokens', body, JULIET)
  expect(answer).toMatchObject({ status: 200 })
  return String(answer.body.id)
}

export const after = {
  /** As if the process had ended before the last trip of a request. */
  forgetsAnswers: (t: Trip) => void t.store.answers.purge(t.now + 1, 1_000),
}

/** /v1/push/send: the operator's back end pushes, by the same outbox, limits and verdicts as messages. */
import { createHash } from 'node:crypto'
import { pushSends } from '../metrics/metrics.ts'
import type { Trip } from '../routing/transit.ts'
import type { Ctx } from './context.ts'
import { keyHeader } from './fields.ts'
import { actorOf } from './idempotency.ts'
import { type App, route, scope } from './policy.ts'
import { HttpError } from './problem.ts'
import { sendOne } from './push-item.ts'
import { type Asked, MOST_ITEMS, sendBody, type Sent, sentSchema } from './push-send-schemas.ts'
import { body, json } from './schemas.ts'
import { twinKey } from './twin-keys.ts'

/** Pushes that one trip writes, so that none holds the loop. */
const BATCH = 100

export function addPushSend(app: App): void {
  app.openapi(
    route(scope('push:send'), {
      method: 'post',
      path: '/v1/push/send',
      operationId: 'sendPush',
      summary: 'Push to an account, to devices or to tokens; all that is queued is on disk when this answers',
      description:
        `Up to ${MOST_ITEMS} items, each with a result of its own: what is refused (\`code\`, \`detail\`, \`bytes\`) keeps no ` +
        'other back. Each push type is checked against its size and Apple’s rules; see `belfry help push-send`.',
      request: { headers: keyHeader, body: body(sendBody) },
      responses: { 202: json('Fate of each item', sentSchema) },
    }),
    async (c) => {
      if (!c.var.deps.online)
        throw new HttpError(503, 'server-needed', 'Start the server first: belfry serve')
      const twin = twinKey(await c.req.text())
      if (twin !== undefined) {
        const named = JSON.stringify(twin.slice(0, 100))
        throw new HttpError(400, 'bad-json', `The key ${named} stands twice in one object.`)
      }
      return c.json(await sendAll(c, c.req.valid('json').items), 202)
    },
  )
}

async function sendAll(c: Ctx, items: readonly Asked[]) {
  const { router, keep } = c.get('deps')
  const name = nameOf(c)
  const sent: Sent[] = []
  while (sent.length < items.length) {
    const made = await router.run((t) => {
      const some = sendSome(t, items, sent.length, name)
      if (sent.length + some.length === items.length) {
        const { items: _, ...answer } = answerOf([...sent, ...some])
        t.store.audit.note('pushes sent', answer)
        keep?.(t, 202, answerOf([...sent, ...some]))
      }
      return some
    })
    sent.push(...made)
  }
  for (const [at, { pushes, result }] of sent.entries()) {
    const type = items[at]?.type ?? 'alert'
    if (pushes.length === 0) pushSends.inc({ type, result })
    for (const push of pushes) pushSends.inc({ type, result: push.result })
  }
  return answerOf(sent)
}

/** Items from the place `from` on, as many as one trip may take. */
function sendSome(t: Trip, items: readonly Asked[], from: number, name: (at: number) => string): Sent[] {
  const made: Sent[] = []
  let pushes = 0
  for (const [i, asked] of items.slice(from).entries()) {
    const one = sendOne(t, asked, `send-${name(from + i)}`)
    made.push(one)
    pushes += Math.max(1, one.pushes.length)
    if (pushes >= BATCH) break
  }
  return made
}

function answerOf(items: Sent[]) {
  const count = (result: Sent['result']) =>
    items.reduce((n, { pushes }) => n + pushes.filter((push) => push.result === result).length, 0)
  return {
    queued: count('queued'),
    suppressed: count('suppressed'),
    refused: items.filter(({ result }) => result === 'refused').length,
    items,
  }
}

/**
 * Names of the items. Under a key they are always the same, so that what was queued before a crash and is asked for again
 * is not queued twice.
 */
function nameOf(c: Ctx): (at: number) => string {
  const key = c.req.header('idempotency-key')
  const { random } = c.get('deps').world
  if (key === undefined) return () => random.uuid()
  const actor = actorOf(c.get('principal'))
  return (at) =>
    createHash('sha256')
      .update(JSON.stringify([actor, key, at]))
      .digest('base64url')
      .slice(0, 22)
}

import type { Command } from 'commander'
import { deviceRules, messageRules } from '../push/rules/tables.ts'
import { CliError, EXIT } from './exit.ts'
import type { Row } from './output.ts'
import { addPushChannel } from './push-channel.ts'
import { addPushSend } from './push-send.ts'
import { addPushVapid } from './push-vapid.ts'
import type { Context, ContextOf } from './context.ts'

const DEVICE_COLUMNS = ['id', 'topic', 'environment', 'token', 'session', 'connected', 'state', 'updated']

interface Explanation extends Row {
  readonly jid: string
  readonly findings: readonly string[]
  readonly devices: readonly Row[]
  readonly waiting: readonly Row[]
  readonly verdicts: readonly Row[]
}

interface Queue extends Row {
  readonly queued: number
  readonly held: number
  readonly dead: number
  readonly oldest: string | null
  readonly lanes: readonly Row[]
  readonly items: readonly Row[]
  readonly dead_letters: readonly Row[]
}

export function addPush(program: Command, context: ContextOf): void {
  const push = program.command('push').description('notifications to phones')
  push
    .command('test <jid>')
    .description('ring every device of an account and tell what the provider answered')
    .action(async (jid: string) => test(context(), jid))
  addPushSend(push, context)
  addPushVapid(push, context)
  addPushChannel(push, context)
  push
    .command('explain <what>')
    .description('why an account was rung or not (its address), or why for one message (its stanza-id)')
    .action(async (what: string) => explain(context(), what))
  push
    .command('queue')
    .description('what waits to be sent, and what holds it up')
    .action(async () => queue(context()))
  push
    .command('rules')
    .description('what rings, and which device; the first rule that fits counts')
    .action(() => {
      const ctx = context()
      const [messages, devices] = [messageRules(), deviceRules()]
      if (ctx.out.json) return ctx.out.document({ messages, devices })
      ctx.out.line('What a message means to a phone')
      ctx.out.table(messages, ['rule', 'does', 'what'])
      section(ctx, 'Whether a device is rung', devices, ['rule', 'does', 'what'])
    })
  push
    .command('selftest')
    .description(
      'send a message through a server of its own to a simulator of each provider; needs no account at any',
    )
    .action(async () => {
      const { selftest } = await import('./selftest.ts')
      await selftest(context().out)
    })
}

async function test(ctx: Context, jid: string): Promise<void> {
  await ctx.withDoor(async (door) => {
    const { items } = await door.call<{ items: Row[] }>('POST', '/v1/push/test', { jid })
    // For people one device after the other, all that is known of its push; for scripts one list.
    if (ctx.out.json) ctx.out.document(items)
    else items.forEach((item) => ctx.out.record(item))
    if (items.length === 0) throw new CliError(`${jid} has no device`, EXIT.notFound)
    const bad = items.filter((item) => item.result !== 'sent').length
    if (bad > 0) {
      throw new CliError(
        `${bad} of ${items.length} not sent`,
        bad === items.length ? EXIT.failed : EXIT.partial,
      )
    }
  }, true)
}

async function explain(ctx: Context, what: string): Promise<void> {
  const query = new URLSearchParams(what.includes('@') ? { jid: what } : { message: what })
  await ctx.withDoor(async (door) => {
    const { out } = ctx
    const found = await door.call<Explanation>('GET', `/v1/push/explain?${query.toString()}`)
    if (out.json) return out.document(found)
    out.line(found.jid)
    for (const finding of found.findings) out.line(`  ${finding}`)
    section(ctx, 'Devices', found.devices, DEVICE_COLUMNS)
    section(ctx, 'Waiting', found.waiting, ['created', 'message', 'device', 'state', 'attempts', 'next'])
    section(ctx, 'Decided', found.verdicts, [...of(found), 'device', 'verdict', 'rule', 'reason'])
    const ofRooms = found.verdicts.filter(({ room }) => room !== null)
    section(ctx, 'Messages of rooms', once(ofRooms), [...of(found), 'room', 'room_rule'])
    const atApple = found.verdicts.filter((row) => row.apns_id !== null)
    section(ctx, 'At Apple', atApple, ['at', 'message', 'apns_id', 'apns_unique_id'])
  })
}

/** A message that was asked for by its id is one; where that is a room's, it is of several accounts. */
const of = ({ jid: asked, verdicts }: Explanation): string[] =>
  verdicts.some(({ jid }) => jid !== asked) ? ['at', 'jid', 'message'] : ['at', 'message']

/** One row a message, however many phones it is about. */
const once = (rows: readonly Row[]): Row[] => [...new Map(rows.map((row) => [row.message, row])).values()]

async function queue(ctx: Context): Promise<void> {
  await ctx.withDoor(async (door) => {
    const { out } = ctx
    const found = await door.call<Queue>('GET', '/v1/push/queue')
    if (out.json) return out.document(found)
    const { queued, held, dead, oldest } = found
    out.record({ queued, held, dead, oldest })
    section(ctx, 'Lanes', found.lanes, ['lane', 'waiting', 'under_way', 'paused', 'detail', 'until'])
    section(ctx, 'Oldest', found.items, ['created', 'jid', 'message', 'device', 'state', 'attempts', 'next'])
    section(ctx, 'Refused', found.dead_letters, ['created', 'jid', 'kind', 'message', 'attempts'])
  })
}

function section({ out }: Context, name: string, rows: readonly Row[], columns: readonly string[]): void {
  if (rows.length === 0) return
  out.line('')
  out.line(name)
  out.table(rows, columns)
}

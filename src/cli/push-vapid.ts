/** `belfry push vapid`: the key with which browsers and UnifiedPush apps subscribe (RFC 8292). */
import type { Command } from 'commander'
import type { Context, ContextOf } from './context.ts'
import type { Row } from './output.ts'

interface VapidKey extends Row {
  readonly public_key: string
  readonly created: string | null
  readonly older: number
}

export function addPushVapid(push: Command, context: ContextOf): void {
  const vapid = push
    .command('vapid')
    .description('the key with which browsers and UnifiedPush apps subscribe')
  vapid
    .command('show')
    .description('its public half, how old it is, and how many older ones still serve')
    .action(async () => tell(context(), 'GET'))
  vapid
    .command('rotate')
    .description('make a new key pair for subscriptions from now on; those of before keep theirs')
    .action(async () => tell(context(), 'POST'))
}

const tell = (ctx: Context, method: 'GET' | 'POST'): Promise<void> =>
  ctx.withDoor(async (door) => {
    const key = await door.call<VapidKey>(method, '/v1/push/vapid')
    if (ctx.out.json) ctx.out.document(key)
    else ctx.out.record(key)
  })

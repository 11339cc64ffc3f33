import type { Command } from 'commander'
import type { Row } from './output.ts'
import { CliError, EXIT } from './exit.ts'
import type { Context, ContextOf } from './context.ts'

export function addDevice(program: Command, context: ContextOf): void {
  const device = program.command('device').description('phones that messages ring')
  device
    .command('list <jid>')
    .description('devices of an account')
    .action(async (jid: string) => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        const { items } = await door.call<{ items: Row[] }>(
          'GET',
          `/v1/users/${encodeURIComponent(jid)}/devices`,
        )
        ctx.out.table(items, ['id', 'topic', 'environment', 'token', 'state', 'updated'])
      })
    })
  device
    .command('show <jid> <id>')
    .description('a device with its wishes and tokens, or what brings one back that is gone')
    .action(async (jid: string, id: string) => show(context(), jid, id))
  device
    .command('delete <jid> <id>')
    .description('forget a device')
    .action(async (jid: string, id: string) => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        await door.call('DELETE', `/v1/users/${encodeURIComponent(jid)}/devices/${encodeURIComponent(id)}`)
        ctx.out.done(`device ${id} of ${jid} removed`, { jid, id })
      })
    })
}

interface Shown extends Row {
  readonly id: string
  readonly quiet: { readonly from: string; readonly to: string; readonly zone: string } | null
  readonly quiet_lets_through: readonly string[]
  readonly tokens: readonly Row[]
}

async function show(ctx: Context, jid: string, id: string): Promise<void> {
  await ctx.withDoor(async (door) => {
    const { out } = ctx
    const { items } = await door.call<{ items: Shown[] }>(
      'GET',
      `/v1/users/${encodeURIComponent(jid)}/devices`,
    )
    const found = items.find((item) => item.id === id)
    if (!found) {
      const { findings } = await door.call<{ findings: string[] }>(
        'GET',
        `/v1/push/explain?jid=${encodeURIComponent(jid)}`,
      )
      throw new CliError(`${jid} has no device ${id}. ${findings.join(' ')}`, EXIT.notFound)
    }
    if (out.json) return out.document(found)
    const { tokens, quiet, quiet_lets_through: through, ...rest } = found
    const hours = quiet && `${quiet.from} to ${quiet.to}, ${quiet.zone}`
    out.record({ ...rest, quiet: hours, quiet_lets_through: through.join(', ') || null })
    if (tokens.length === 0) return
    out.line('')
    out.table(tokens, ['id', 'kind', 'name', 'token', 'updated'])
  })
}

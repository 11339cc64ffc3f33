import type { Command } from 'commander'
import type { Row } from './output.ts'
import type { ContextOf } from './context.ts'

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

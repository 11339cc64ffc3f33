import type { Command } from 'commander'
import type { ContextOf } from './context.ts'
import type { Row } from './output.ts'

export function addBan(program: Command, context: ContextOf): void {
  const ban = program.command('ban').description('addresses that failed too many logins')
  ban
    .command('list')
    .description('list the bans in force')
    .action(async () => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        const { items } = await door.call<{ items: Row[] }>('GET', '/v1/bans')
        ctx.out.table(items, ['address', 'account', 'failures', 'since', 'until'])
      }, true)
    })
  ban
    .command('add <address>')
    .description('hear no logins from an address for limits.auth_ban, or until a restart')
    .option('--account <jid>', 'none of this account only')
    .action(async (address: string, { account }: { account?: string }) => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        const made = await door.call<Row>('POST', '/v1/bans', { address, account })
        ctx.out.done(`${String(made.address)} is banned until ${String(made.until)}`, made)
      }, true)
    })
  ban
    .command('delete <address>')
    .description('end the bans of an address')
    .option('--account <jid>', 'only that of this account')
    .action(async (address: string, { account }: { account?: string }) => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        const query = account === undefined ? '' : `?account=${encodeURIComponent(account)}`
        await door.call('DELETE', `/v1/bans/${encodeURIComponent(address)}${query}`)
        ctx.out.done(`${address} may log in again`, { address, account })
      }, true)
    })
}

import type { Command } from 'commander'
import { parseDuration } from '../config/values.ts'
import { CliError, EXIT } from './exit.ts'
import type { Row } from './output.ts'
import type { ContextOf } from './context.ts'

export function addToken(program: Command, context: ContextOf): void {
  const token = program.command('token').description('bearer tokens for the HTTP API')
  token
    .command('create <name>')
    .description('make a token; it is shown once')
    .requiredOption('--scope <scope...>', 'what it may do, for example users:read or admin')
    .option('--expires <duration>', 'when it ends, or "infinity"', '90d')
    .action(async (name: string, options: { scope: string[]; expires: string }) => {
      const ctx = context()
      const lifetime = parseDuration(options.expires)
      if (lifetime === undefined)
        throw new CliError(`"${options.expires}" is not a duration such as 90d`, EXIT.usage)
      await ctx.withDoor(async (door) => {
        const expires_in = Number.isFinite(lifetime) ? Math.floor(lifetime / 1000) : null
        const made = await door.call<Row>('POST', '/v1/tokens', { name, scopes: options.scope, expires_in })
        if (ctx.out.json) ctx.out.document(made)
        else ctx.out.text(String(made.token))
      })
    })
  token
    .command('list')
    .description('list tokens, without their secret part')
    .action(async () => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        const { items } = await door.call<{ items: Row[] }>('GET', '/v1/tokens')
        ctx.out.table(items, ['id', 'name', 'scopes', 'created', 'expires', 'last_used'])
      })
    })
  token
    .command('revoke <id>')
    .description('end a token now')
    .action(async (id: string) => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        await door.call('DELETE', `/v1/tokens/${encodeURIComponent(id)}`)
        ctx.out.done(`token ${id} revoked`, { id })
      })
    })
}

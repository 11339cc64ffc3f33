import type { Command } from 'commander'
import type { ContextOf } from './context.ts'
import { duration, wholeNumber } from './numbers.ts'
import type { Row } from './output.ts'

interface CreateOptions {
  readonly jid?: string
  readonly allowLookalike?: boolean
  readonly host?: string
  readonly from?: string
  readonly contactOnly?: boolean
  readonly uses: string
  readonly expires?: string
}

export function addInvite(program: Command, context: ContextOf): void {
  const invite = program.command('invite').description('links by which people get an account or a contact')
  invite
    .command('create')
    .description('make an invitation; its link is shown once')
    .option('--jid <address>', 'the one account that may be made with it; the name is kept')
    .option('--allow-lookalike', 'with --jid: even if people would take the name for another’s')
    .option('--host <domain>', 'where the account is made (default: the first host)')
    .option('--from <address>', 'an account that becomes a contact of whoever uses it')
    .option('--contact-only', 'with --from: no account can be made with it')
    .option('--uses <number>', 'how often it may be used', '1')
    .option('--expires <duration>', 'when it ends, for example 7d')
    .action(async (options: CreateOptions) => {
      const ctx = context()
      const request = {
        jid: options.jid,
        allow_lookalike: options.allowLookalike,
        host: options.host,
        inviter: options.from,
        register: options.contactOnly !== true,
        uses: wholeNumber(options.uses, 'number of uses'),
        // An invitation must have an end (XEP-0379 §5.2).
        expires_in:
          options.expires === undefined ? undefined : Math.floor(duration(options.expires, '7d') / 1000),
      }
      await ctx.withDoor(async (door) => {
        const made = await door.call<Row>('POST', '/v1/invites', request)
        if (ctx.out.json) return ctx.out.document(made)
        ctx.out.text([made.url, made.uri].filter((link) => typeof link === 'string').join('\n'))
      })
    })
  invite
    .command('list')
    .description('list invitations, without their links')
    .action(async () => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        const { items } = await door.call<{ items: Row[] }>('GET', '/v1/invites')
        ctx.out.table(items, ['id', 'host', 'jid', 'inviter', 'register', 'used', 'uses', 'expires'])
      })
    })
  invite
    .command('revoke <id>')
    .description('take an invitation back')
    .action(async (id: string) => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        await door.call('DELETE', `/v1/invites/${wholeNumber(id, 'id of an invitation')}`)
        ctx.out.done(`invitation ${id} revoked`, { id })
      })
    })
}

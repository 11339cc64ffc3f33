import type { Command } from 'commander'
import { addUserExport } from './export.ts'
import type { Door } from './door.ts'
import { wholeNumber } from './numbers.ts'
import type { Row } from './output.ts'
import type { PasswordOptions } from './password.ts'
import type { ContextOf } from './context.ts'
import { CliError, EXIT } from './exit.ts'
import { Jid, jidOr } from '../xmpp/jid.ts'

const path = (jid: string, rest = ''): string => `/v1/users/${encodeURIComponent(jid)}${rest}`

/** The cursor is followed to the end: a list on a terminal has no next page. */
export async function everyPage(door: Door, start: string): Promise<Row[]> {
  const rows: Row[] = []
  let cursor: string | null = null
  do {
    const next: string = cursor === null ? start : `${start}&cursor=${encodeURIComponent(cursor)}`
    const page: { items: Row[]; next: string | null } = await door.call('GET', next)
    rows.push(...page.items)
    cursor = page.next
  } while (cursor !== null)
  return rows
}

const withPassword = (command: Command): Command =>
  command
    .option('--password-stdin', 'read the password from standard input')
    .option('--password-file <file>', 'read the password from a file')

/** Before anybody has to think of a password. @throws CliError */
function checkAddress(jid: string, hosts: readonly string[]): void {
  const parsed = jidOr(
    () => Jid.parse(jid),
    (error) => {
      throw new CliError(`"${jid}" is not an address such as you@${hosts[0]}: ${error.message}`, EXIT.usage)
    },
  )
  if (parsed.local === '' || !parsed.isBare) {
    throw new CliError(`"${jid}" is not an address such as you@${hosts[0]}`, EXIT.usage)
  }
  if (!hosts.includes(parsed.domain)) {
    throw new CliError(
      `${parsed.domain} is not one of this server's hosts (${hosts.join(', ')}); add it to hosts first`,
      EXIT.usage,
    )
  }
}

interface Written {
  jid: string
  warnings?: string[]
}

export function addUser(program: Command, context: ContextOf): void {
  const user = program.command('user').description('accounts: add, list, show, change and remove them')
  addPasswordVerbs(user, context)
  addStateVerbs(user, context)
  addSessionVerbs(user, context)
  addUserExport(user, context)
  user
    .command('list')
    .description('list accounts')
    .option('--host <host>', 'of this host only')
    .option('--search <text>', 'whose address contains this')
    .action(async (options: { host?: string; search?: string }) => {
      const ctx = context()
      const query = new URLSearchParams({ limit: '500', ...options })
      await ctx.withDoor(async (door) => {
        const rows = await everyPage(door, `/v1/users?${query.toString()}`)
        ctx.out.table(rows, ['jid', 'disabled', 'created', 'last_seen', 'sessions'])
      })
    })
  user
    .command('show <jid>')
    .description('what is known of one account')
    .action(async (jid: string) => {
      const ctx = context()
      await ctx.withDoor(async (door) => ctx.out.record(await door.call<Row>('GET', path(jid))))
    })
}

function addPasswordVerbs(user: Command, context: ContextOf): void {
  const add = user
    .command('add <jid>')
    .description('make an account')
    .option('--allow-lookalike', 'even if people would take its name for another’s')
  withPassword(add).action(
    async (jid: string, options: PasswordOptions & { readonly allowLookalike?: boolean }) => {
      const ctx = context()
      checkAddress(jid, ctx.config.hosts)
      const password = await ctx.password(options)
      await ctx.withDoor(async (door) => {
        const made = await door.call<Written>('POST', '/v1/users', {
          jid,
          password,
          allow_lookalike: options.allowLookalike,
        })
        made.warnings?.forEach((warning) => ctx.out.warn(warning))
        ctx.out.done(`${made.jid} added`, { jid: made.jid })
      })
    },
  )
  withPassword(user.command('passwd <jid>').description('set a new password')).action(
    async (jid: string, options: PasswordOptions) => {
      const ctx = context()
      checkAddress(jid, ctx.config.hosts)
      const password = await ctx.password(options)
      await ctx.withDoor(async (door) => {
        const changed = await door.call<Written>('PUT', path(jid, '/password'), { password })
        changed.warnings?.forEach((warning) => ctx.out.warn(warning))
        ctx.out.done(`password of ${changed.jid} set`, { jid: changed.jid })
      })
    },
  )
}

function addStateVerbs(user: Command, context: ContextOf): void {
  for (const verb of ['disable', 'enable'] as const) {
    user
      .command(`${verb} <jid>`)
      .description(
        verb === 'disable' ? 'close the account’s sessions and refuse its logins' : 'let it log in again',
      )
      .action(async (jid: string) => {
        const ctx = context()
        await ctx.withDoor(async (door) => {
          const row = await door.call<Row>('POST', path(jid, `/${verb}`))
          ctx.out.done(`${String(row.jid)} ${verb}d`, row)
        })
      })
  }
  user
    .command('delete <jid>')
    .description('remove the account and everything that belongs to it')
    .action(async (jid: string) => {
      const ctx = context()
      await ctx.confirm(`Remove ${jid} with its contacts, messages and devices?`)
      await ctx.withDoor(async (door) => {
        await door.call('DELETE', path(jid))
        ctx.out.done(`${jid} removed`, { jid })
      })
    })
}

function addSessionVerbs(user: Command, context: ContextOf): void {
  user
    .command('sessions <jid>')
    .description('where the account is connected')
    .action(async (jid: string) => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        const { items } = await door.call<{ items: Row[] }>('GET', path(jid, '/sessions'))
        ctx.out.table(items, ['resource', 'transport', 'since', 'address', 'priority', 'state'])
      }, true)
    })
  user
    .command('apps <jid>')
    .description('the apps that have logged in, and which of them may do so without the password')
    .option('--revoke <id>', 'log this one out: its token ends, its session, and the pushes to its phone')
    .action(async (jid: string, options: { revoke?: string }) => {
      const ctx = context()
      const revoked = options.revoke === undefined ? undefined : wholeNumber(options.revoke, 'id of an app')
      await ctx.withDoor(async (door) => {
        if (revoked !== undefined) {
          await door.call('DELETE', path(jid, `/apps/${revoked}`))
          return ctx.out.done(`app ${revoked} logged out`, { revoked: String(revoked) })
        }
        const { items } = await door.call<{ items: Row[] }>('GET', path(jid, '/apps'))
        ctx.out.table(items, ['id', 'software', 'device', 'last_login', 'connected', 'token_expires'])
      })
    })
  user
    .command('kick <jid>')
    .description('close the sessions of user@host, or the one of user@host/resource')
    .action(async (jid: string) => {
      const ctx = context()
      const [bare = '', resource] = splitResource(jid)
      await ctx.withDoor(async (door) => {
        const rest = resource === undefined ? '/sessions' : `/sessions/${encodeURIComponent(resource)}`
        const { closed } = await door.call<{ closed: number }>('DELETE', path(bare, rest))
        ctx.out.done(`${closed} session${closed === 1 ? '' : 's'} closed`, { closed })
      }, true)
    })
}

function splitResource(jid: string): [string, string | undefined] {
  const slash = jid.indexOf('/')
  return slash < 0 ? [jid, undefined] : [jid.slice(0, slash), jid.slice(slash + 1)]
}

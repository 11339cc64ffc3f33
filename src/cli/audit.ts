import type { Command } from 'commander'
import type { ContextOf } from './context.ts'
import { CliError, EXIT } from './exit.ts'
import { duration, wholeNumber } from './numbers.ts'
import type { Row } from './output.ts'

interface Options {
  about?: string
  by?: string
  event?: string
  door?: string
  since?: string
  limit: string
}

export function addAudit(program: Command, context: ContextOf): void {
  const audit = program.command('audit').description('who has changed what')
  audit
    .command('list')
    .description('list administrative changes, the newest first')
    .option('--about <jid>', 'of this account or room only')
    .option('--by <who>', 'of this address, token or "operator" only')
    .option('--event <event>', 'of this kind only, for example "account disabled"')
    .option('--door <door>', 'by this door only, for example web')
    .option('--since <duration>', 'of the time since then, for example 7d')
    .option('--limit <n>', 'at most so many', '100')
    .action(async ({ since, limit, ...filter }: Options) => {
      const ctx = context()
      const most = wholeNumber(limit, 'number of changes')
      if (most < 1) throw new CliError('--limit begins with 1', EXIT.usage)
      const query = new URLSearchParams({ ...filter, limit: String(Math.min(most, 500)) })
      if (since !== undefined) query.set('since', new Date(Date.now() - duration(since, '7d')).toISOString())
      await ctx.withDoor(async (door) => {
        const rows: Row[] = []
        for (let next: string | null = ''; next !== null && rows.length < most;) {
          if (next !== '') query.set('cursor', next)
          const page: { items: Row[]; next: string | null } = await door.call(
            'GET',
            `/v1/audit?${query.toString()}`,
          )
          rows.push(...page.items)
          next = page.next
        }
        const shown = rows.slice(0, most).map((row) => ({ ...row, facts: factsOf(row) }))
        if (ctx.out.json) ctx.out.table(rows.slice(0, most), COLUMNS)
        else ctx.out.table(shown, COLUMNS)
      })
    })
}

const COLUMNS = ['at', 'event', 'about', 'by', 'door', 'address', 'facts']

/** Facts that no other column shows, as `key=value`. */
const factsOf = ({ facts, about }: Row): string =>
  Object.entries((facts ?? {}) as Record<string, unknown>)
    .filter(([, value]) => value !== about)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')

import type { Command } from 'commander'
import { type Config, ConfigError, defaults, findConfig, loadConfig } from '../config/config.ts'
import { formatProblem } from '../config/problems.ts'
import { openNames } from '../ops/doctor/names.ts'
import { chosen, examine, type Result, summary, unknownNames } from '../ops/doctor/run.ts'
import type { Context, ContextOf } from './context.ts'
import { openDoor } from './door.ts'
import { CliError, EXIT } from './exit.ts'
import { becomeOwner } from './data.ts'

interface Options {
  readonly only?: string
  readonly offline?: true
  readonly all?: true
}

export function addDoctor(program: Command, context: ContextOf): void {
  program
    .command('doctor')
    .description('look at the server and the machine below it; exit 1 if a check fails')
    .option('--only <ids>', 'these checks or areas alone, with commas: tls,dns.address')
    .option('--offline', 'ask nobody: no server, no DNS, no Apple')
    .option('--all', 'tell what is well too')
    .action(async ({ only, offline, all }: Options) => {
      const ctx = context()
      const names = only?.split(',').map((name) => name.trim())
      const [unknown] = names ? unknownNames(names) : []
      if (unknown !== undefined) throw new CliError(`there is no check ${unknown}`, EXIT.usage)
      if (ctx.options.curl) return ctx.withDoor((door) => door.call('GET', doctorPath(names)))
      const results = await look(ctx, names, offline === true)
      tell(ctx, results, all === true || names !== undefined)
      const { fail } = summary(results)
      if (fail > 0) throw new CliError(`${fail} of ${results.length} checks fail`)
    })
}

/** By the running server, which sees what it must see itself; else here, with the eyes of the data's owner. */
async function look(ctx: Context, only: string[] | undefined, offline: boolean): Promise<Result[]> {
  const { config, problems } = configured(ctx.options.config)
  if (!offline && problems.length === 0) {
    const asked = await byServer(config, only)
    if (asked) return asked
  }
  becomeOwner(config.data_dir)
  const world = {
    config,
    problems,
    now: Date.now(),
    root: '/',
    env: process.env,
    uid: process.getuid?.() ?? -1,
    offline,
    names: openNames(process.env.BELFRY_RESOLVER),
  }
  return examine(world, chosen(only))
}

async function byServer(config: Config, only: string[] | undefined): Promise<Result[] | undefined> {
  try {
    const door = await openDoor(config, true)
    const { items } = await door.call<{ items: Result[] }>('GET', doctorPath(only))
    return items
  } catch (error) {
    // A server that does not answer is examined as a stopped one: that is what doctor is for.
    if (error instanceof CliError && error.exitCode === EXIT.unreachable) return undefined
    throw error
  }
}

const doctorPath = (only: readonly string[] | undefined): string =>
  `/v1/doctor${only ? `?only=${encodeURIComponent(only.join(','))}` : ''}`

/** A configuration that cannot be used is a finding, and no reason to look at nothing else. */
function configured(file: string | undefined): { config: Config; problems: string[] } {
  try {
    return { config: loadConfig({ file }), problems: [] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const problems = error.problems.map((p) =>
      typeof p === 'string' ? p : (formatProblem(p).split('\n')[0] ?? ''),
    )
    return { config: { ...defaults(), source: { file: findConfig({ file }), warnings: [] } }, problems }
  }
}

function tell({ out }: Context, results: readonly Result[], all: boolean): void {
  const counts = summary(results)
  if (out.json) return out.document({ summary: counts, items: results })
  for (const { id, status, why, mend } of results) {
    if (!all && status !== 'warn' && status !== 'fail') continue
    out.state(status, `${id}: ${why}`)
    if (mend !== undefined) out.line(`      → ${mend}`)
  }
  const { ok, warn, fail, skip } = counts
  out.line(`${results.length} checks: ${ok} ok, ${warn} warn, ${fail} fail, ${skip} skip`)
}

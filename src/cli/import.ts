import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { hintsOf, tomlOf } from '../import/config-hints.ts'
import { readConfig } from '../import/ejabberd-config.ts'
import { HostMap } from '../import/hosts.ts'
import { Importer } from '../import/importer.ts'
import { SourceError } from '../import/model.ts'
import type { Report } from '../import/report.ts'
import { type Server, sourcesOf } from '../import/sources.ts'
import type { Core } from '../server/core.ts'
import { actingAs } from '../store/audit.ts'
import type { Context, ContextOf } from './context.ts'
import { CliError, EXIT } from './exit.ts'
import { Progress } from './progress.ts'

interface Options {
  readonly host: readonly string[]
  readonly dryRun?: boolean
  readonly rejects?: string
  readonly encoding?: string
}

const ABOUT: Readonly<Record<Server, string>> = {
  ejabberd:
    'from ejabberd: its dump, export2sql, SQL tables (SQLite, dumps of MySQL, PostgreSQL), piefxis; without a path, ' +
    '--config names an ejabberd.yml or .cfg, which is printed as lines of belfry.toml',
  prosody: 'from Prosody: its data folder, or its SQL tables (SQLite, dumps of MySQL, PostgreSQL)',
  xep0227: 'from files of XEP-0227, whoever has written them',
}

/** Rejects that people are shown; `--rejects` writes all. */
const SHOWN = 20

export function addImport(program: Command, context: ContextOf): void {
  const noun = program.command('import').description('take over the accounts of another server')
  for (const server of ['ejabberd', 'prosody', 'xep0227'] as const)
    noun
      .command(`${server} ${server === 'ejabberd' ? '[path...]' : '<path...>'}`)
      .description(ABOUT[server])
      .option('--host <old=new>', 'domain OLD of the source is NEW here; again for each', collect, [])
      .option('--dry-run', 'report what would come over, and write nothing')
      .option('--rejects <file>', 'write what cannot come over, with reasons, as lines of JSON')
      .option('--encoding <name>', 'of the files, where they do not say: latin1, windows-1252, …')
      .action((paths: string[], options: Options) => run(context(), server, paths, options))
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value]

async function run(ctx: Context, server: Server, paths: readonly string[], options: Options): Promise<void> {
  // Of the data there is nothing to be read, so no configuration of ours is needed either.
  if (paths.length === 0) return showConfig(ctx)
  const map = new Map(options.host.map(readMapping))
  const { openData } = await import('./data.ts')
  const { core, close } = await openData(ctx.config)
  let report: Report
  try {
    report = await take(core, new HostMap(map, core.world.domains.hosts), server, paths, {
      ...options,
      // Machines read the result alone.
      quiet: ctx.out.json,
    })
  } finally {
    await close()
  }
  show(ctx, report, options)
  if (report.isBroken) throw new CliError('not all of the source could be read; see above', EXIT.partial)
}

async function showConfig({ out, options: { config: path } }: Context): Promise<void> {
  if (path === undefined)
    throw new CliError(
      'name the files; or an ejabberd.yml by --config, to see it as lines of belfry.toml',
      EXIT.usage,
    )
  try {
    const hints = hintsOf(await readConfig(path))
    if (out.json) out.document({ tables: Object.fromEntries(hints.tables), not_taken: hints.left })
    else for (const line of tomlOf(hints)) out.line(line)
  } catch (error) {
    if (error instanceof SourceError) throw new CliError(error.message, EXIT.usage)
    throw error
  }
}

async function take(
  core: Core,
  hosts: HostMap,
  server: Server,
  paths: readonly string[],
  { dryRun = false, encoding, quiet }: Options & { readonly quiet: boolean },
): Promise<Report> {
  const { world, router } = core
  const importer = new Importer(world, router, { hosts, isDry: dryRun })
  const note = (event: string, facts: Record<string, unknown>) =>
    dryRun
      ? undefined
      : actingAs({ by: 'operator', door: 'import' }, () =>
          router.run((t) => t.store.audit.note(event, { source: server, ...facts })),
        )
  try {
    const sources = sourcesOf(server, paths, { unnamed: hosts.unnamed, encoding })
    await note('import began', { files: paths.length })
    for (const source of sources) {
      const progress = quiet ? undefined : Progress.here('importing', 'bytes')
      let read = 0
      try {
        await importer.take(source, (bytes) =>
          progress?.update((read += bytes), source.bytes === 0 ? undefined : source.bytes),
        )
      } finally {
        progress?.end()
      }
    }
  } catch (error) {
    if (error instanceof SourceError) throw new CliError(error.message, EXIT.usage)
    throw error
  }
  await note('import finished', importer.report.figures)
  return importer.report
}

/** @throws CliError */
function readMapping(text: string): readonly [string, string] {
  const [old = '', now = '', rest] = text.split('=')
  if (old === '' || now === '' || rest !== undefined)
    throw new CliError(`--host ${text}: write OLD=NEW, such as localhost=example.org`, EXIT.usage)
  return [old.toLowerCase(), now.toLowerCase()]
}

function show({ out }: Context, report: Report, { rejects, dryRun = false }: Options): void {
  const list = report.rejects
  if (rejects !== undefined)
    writeFileSync(rejects, list.map((reject) => `${JSON.stringify(reject)}\n`).join(''), { mode: 0o600 })
  if (out.json) return out.document({ dry_run: dryRun, ...report.figures, rejects: list })
  if (dryRun) out.line('Nothing was written.')
  out.record(report.figures)
  for (const { owner, kind, why, count } of list.slice(0, SHOWN))
    out.line(`not taken: ${owner} ${kind === 'reject' ? '' : kind} ${count > 1 ? `(${count}) ` : ''}${why}`)
  if (list.length > SHOWN) out.line(`and ${list.length - SHOWN} more; --rejects FILE writes them all`)
}

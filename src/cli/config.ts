import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { type Config, ConfigError, loadConfig, placed } from '../config/config.ts'
import { jsonSchema } from '../config/describe.ts'
import { commentedSample } from '../config/sample.ts'
import { maskAddresses } from '../net/mask-address.ts'
import { databaseFile } from '../ops/data-dir.ts'
import { checkPorts } from '../ops/ports-check.ts'
import { checkContents } from './config-check.ts'
import { CliError, EXIT } from './exit.ts'
import type { Context, ContextOf } from './context.ts'
import { groupId, SERVICE_USER } from './unix-names.ts'

/** JSON has no Infinity; the file's own word for it is clearer than null. */
const shown = (_key: string, value: unknown): unknown => {
  if (typeof value === 'string') return maskAddresses(value)
  return value === Infinity ? 'infinity' : value
}

export function addConfig(program: Command, context: ContextOf): void {
  const config = program.command('config').description('the configuration file')
  config
    .command('check')
    .description(
      'read the configuration and every file it names, and try its addresses; tell all problems at once',
    )
    .action(async () => {
      const ctx = context()
      const loaded = loadConfig({ file: ctx.options.config, checkFiles: true })
      const found = await checkContents(loaded, new Date())
      const ports = await checkPorts(loaded)
      const warnings = [
        ...loaded.source.warnings,
        ...found.warnings,
        ...ports.warnings,
        ...(await adminsWithoutAccount(ctx, loaded)),
      ]
      if (!ctx.out.json) warnings.forEach((warning) => ctx.out.warn(warning))
      const problems = [...found.problems, ...ports.problems]
      if (problems.length > 0) throw new ConfigError(placed(loaded, problems))
      const file = loaded.source.file
      ctx.out.done(file ? `${file} is good` : 'no configuration file; the built-in defaults apply', {
        file: file ?? null,
        warnings,
      })
    })
  config
    .command('show')
    .description('print the configuration in force, defaults included')
    .action(() => {
      const { config: loaded, out } = context()
      out.text(JSON.stringify(loaded, shown, 2))
    })
  config
    .command('schema')
    .description('print the JSON Schema of the configuration file')
    .action(() => context().out.document({ title: 'Belfry configuration', ...jsonSchema() }))
  addInit(config, context)
}

function addInit(config: Command, context: ContextOf): void {
  config
    .command('init')
    .description('write a configuration file in which every key is explained')
    .option('--host <host...>', 'the domains that the server is for', ['localhost'])
    .option('--data-dir <directory>', 'where the data lives')
    .option('--admin <jid...>', 'accounts that may use the web admin', [])
    .option('--group <name>', 'as root: the group that may read it, that of the service', SERVICE_USER)
    .action((options: { host: string[]; dataDir?: string; admin: string[]; group: string }) => {
      const ctx = context()
      const file = resolve(ctx.options.config ?? 'belfry.toml')
      if (existsSync(file)) {
        throw new CliError(`${file} is there already; name another with --config FILE`)
      }
      const sample = commentedSample({
        hosts: options.host,
        data_dir: options.dataDir && resolve(options.dataDir),
        admins: options.admin,
      })
      try {
        prepareDirectory(dirname(file), options.group)
        writeFileSync(file, sample, { mode: 0o640, flag: 'wx' })
        if (!giveTo(file, options.group, 0o640) && file.startsWith('/etc/')) {
          ctx.out.warn(
            `only root may read ${file}: there is no group ${options.group}; make the user of the service with ` +
              `"useradd --system --user-group ${options.group}", then: chgrp ${options.group} ${file}`,
          )
        }
      } catch (error) {
        throw new CliError(`${file}: ${error instanceof Error ? error.message : String(error)}`, EXIT.failed)
      }
      ctx.out.done(`${file} written; now: belfry serve`, { file })
    })
}

/** Missing, or made a moment ago by root with whatever umask: the service must be able to look in. */
function prepareDirectory(directory: string, group: string): void {
  const made = mkdirSync(directory, { recursive: true, mode: 0o750 }) !== undefined
  if (made || (readdirSync(directory).length === 0 && statSync(directory).uid === 0)) {
    giveTo(directory, group, 0o750)
  }
}

/** Files that root writes could not be read by the service; false if there is no such group. Others keep what they make. */
function giveTo(path: string, group: string, mode: number): boolean {
  if (process.getuid?.() !== 0) return true
  const gid = groupId(group)
  if (gid === undefined) return false
  chownSync(path, 0, gid)
  chmodSync(path, mode)
  return true
}

/** Asked of the server, or of the data of a stopped one; where there is none yet, nobody can have an account. */
async function adminsWithoutAccount(ctx: Context, config: Config): Promise<string[]> {
  if (config.admins.length === 0 || !existsSync(databaseFile(config.data_dir))) return []
  const missing: string[] = []
  await ctx.withDoor(async (door) => {
    for (const admin of config.admins) {
      try {
        await door.call('GET', `/v1/users/${encodeURIComponent(admin)}`)
      } catch (error) {
        if (!(error instanceof CliError) || error.exitCode !== EXIT.notFound) throw error
        missing.push(`the admin ${admin} has no account; make it with: belfry user add ${admin}`)
      }
    }
  })
  return missing
}

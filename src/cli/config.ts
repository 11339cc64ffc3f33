import { existsSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { loadConfig } from '../config.ts'
import { commentedSample, jsonSchema } from '../config/describe.ts'
import { CliError, EXIT } from './exit.ts'
import type { ContextOf } from './context.ts'

/** JSON has no Infinity; the file's own word for it is clearer than null. */
const shown = (_key: string, value: unknown): unknown => (value === Infinity ? 'infinity' : value)

export function addConfig(program: Command, context: ContextOf): void {
  const config = program.command('config').description('the configuration file')
  config
    .command('check')
    .description('read the configuration and every file it names; tell all problems at once')
    .action(() => {
      const ctx = context()
      const loaded = loadConfig({ file: ctx.options.config, checkFiles: true })
      loaded.source.warnings.forEach((warning) => ctx.out.warn(warning))
      const file = loaded.source.file
      ctx.out.done(file ? `${file} is good` : 'no configuration file; the built-in defaults apply', {
        file: file ?? null,
        warnings: loaded.source.warnings,
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
    .action((options: { host: string[]; dataDir?: string; admin: string[] }) => {
      const ctx = context()
      const file = resolve(ctx.options.config ?? 'belfry.toml')
      if (existsSync(file)) {
        throw new CliError(`${file} is there already; name another with --config FILE`)
      }
      const head = [
        '# Belfry. Lines that begin with # show a key with its default.',
        `hosts = ${JSON.stringify(options.host)}`,
        ...(options.dataDir ? [`data_dir = ${JSON.stringify(resolve(options.dataDir))}`] : []),
        `admins = ${JSON.stringify(options.admin)}`,
        '',
      ].join('\n')
      try {
        writeFileSync(file, head + commentedSample(), { mode: 0o640, flag: 'wx' })
      } catch (error) {
        throw new CliError(`${file}: ${error instanceof Error ? error.message : String(error)}`, EXIT.failed)
      }
      ctx.out.done(`${file} written; now: belfry serve`, { file })
    })
}

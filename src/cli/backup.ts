import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { backupDirectory } from '../ops/backups.ts'
import { isBackupName, UPLOAD_MODES } from '../store/backup/manifest.ts'
import { readPassphrase } from '../ops/passphrase.ts'
import type { Context, ContextOf } from './context.ts'
import { CliError, EXIT } from './exit.ts'
import { runJob } from './job.ts'
import type { Row } from './output.ts'
import { passphraseFor, verified } from './backup-verify.ts'

/** Option of the verbs that look into a backup. */
const OPENING = [
  '--passphrase-file <file>',
  'open an encrypted one by the passphrase in that file (else [backup] passphrase_file)',
] as const

export function addBackup(program: Command, context: ContextOf): void {
  const backup = program.command('backup').description('copies of accounts, messages and files')
  backup
    .command('create')
    .description('make a backup, while the server runs or not; without configuration and keys')
    .addOption(
      new Option('--uploads <how>', 'files that people sent (else [backup] uploads)').choices(UPLOAD_MODES),
    )
    .option('--with-config', 'with the configuration and the keys and certificates that it names')
    .option(
      '--passphrase-file <file>',
      'encrypt it by the passphrase in that file (else [backup] passphrase_file)',
    )
    .action(async (options: { uploads?: string; withConfig?: true; passphraseFile?: string }) => {
      const { uploads, withConfig, passphraseFile: file } = options
      const ctx = context()
      const passphrase = file === undefined ? undefined : readPassphrase(file)
      await ctx.withDoor(async (door) => {
        await runJob(door, '/v1/backups', { uploads, config: withConfig === true, passphrase })
        const { directory, items } = await door.call<{ directory: string; items: Row[] }>(
          'GET',
          '/v1/backups',
        )
        const made = items[0] ?? {}
        const path = join(directory, String(made.name))
        ctx.out.done(`${path}: ${String(made.bytes)} bytes`, { ...made, path })
      })
    })
  backup
    .command('list')
    .description('list whole backups, the newest first')
    .action(async () => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        const { items } = await door.call<{ items: Row[] }>('GET', '/v1/backups')
        ctx.out.table(items, [
          ...['name', 'created', 'bytes', 'files', 'uploads', 'config', 'encrypted', 'version', 'schema'],
        ])
      })
    })
  backup
    .command('verify <backup>')
    .description('compare every checksum of a backup (its name, or a path) and open its database')
    .option(...OPENING)
    .action((which: string, { passphraseFile }: { passphraseFile?: string }) => {
      const ctx = context()
      const path = backupPath(ctx, which)
      const { problems, manifest, opened } = verified(
        path,
        ctx.config,
        passphraseFor(ctx.config, passphraseFile),
      )
      const { files, ...facts } = manifest
      if (problems.length > 0)
        throw new CliError(`${path} cannot be relied on: ${problems.join('; ')}`, EXIT.failed, { problems })
      ctx.out.done(`${path} is whole: ${files.length} files, ${manifest.bytes} bytes, ${manifest.created}`, {
        ...{ path, ...facts, files: files.length, opened },
      })
      if (!opened) ctx.out.warn('it is encrypted and was not opened: --passphrase-file FILE looks into it')
    })
  backup
    .command('delete <name>')
    .description('remove a backup')
    .action(async (name: string) => {
      const ctx = context()
      await ctx.confirm(`Remove the backup ${name}?`)
      await ctx.withDoor(async (door) => {
        await door.call('DELETE', `/v1/backups/${encodeURIComponent(name)}`)
        ctx.out.done(`${name} is removed`, { name })
      })
    })
  backup
    .command('restore <backup>')
    .description('put a backup (its name, or a path) in the place of the data of a stopped server')
    .option('--dry-run', 'only say what would be done')
    .option(...OPENING)
    .action(async (which: string, options: { dryRun?: true; passphraseFile?: string }) => {
      const ctx = context()
      const passphrase = passphraseFor(ctx.config, options.passphraseFile)
      const { restore } = await import('./backup-restore.ts')
      await restore(ctx, backupPath(ctx, which), { dryRun: options.dryRun === true, passphrase })
    })
}

/** A name is one in [backup] dir; all else is a path. */
function backupPath(ctx: Context, which: string): string {
  if (!isBackupName(which) || which.includes('/') || existsSync(which)) return resolve(which)
  return join(backupDirectory(ctx.config), which)
}

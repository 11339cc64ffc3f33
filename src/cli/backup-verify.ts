/** The look at a backup that `verify` is and `restore` begins with. */
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Config } from '../config/config.ts'
import { readPassphrase } from '../ops/passphrase.ts'
import { verifyBackup } from '../store/backup/verify.ts'
import { Progress } from './progress.ts'

/** Of the option, else of the configuration. @throws OutsideError */
export function passphraseFor(config: Config, option: string | undefined): string | undefined {
  const file = option ?? config.backup.passphrase_file
  return file === undefined ? undefined : readPassphrase(file)
}

/** With its progress. @throws OutsideError */
export function verified(
  path: string,
  { data_dir: dataDir }: Config,
  passphrase: string | undefined,
): ReturnType<typeof verifyBackup> {
  const progress = Progress.here('comparing checksums', 'bytes')
  try {
    const scratch = existsSync(dataDir) ? dataDir : tmpdir()
    const opening = passphrase === undefined ? undefined : { passphrase, scratch }
    return verifyBackup(path, ({ label, done, total }) => progress.update(done, total, label), { opening })
  } finally {
    progress.end()
  }
}

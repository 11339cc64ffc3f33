/** The look at a backup that `verify` is and `restore` begins with. */
import { verifyBackup } from '../store/backup/verify.ts'
import { Progress } from './progress.ts'

/** With its progress. @throws OutsideError */
export function verified(path: string): ReturnType<typeof verifyBackup> {
  const progress = Progress.here('comparing checksums', 'bytes')
  try {
    return verifyBackup(path, ({ label, done, total }) => progress.update(done, total, label))
  } finally {
    progress.end()
  }
}

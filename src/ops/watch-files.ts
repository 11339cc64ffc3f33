/** Notices that files changed, by looking: a link that is swapped and a file behind it count alike. */
import { statSync } from 'node:fs'
import type { Clock } from '../store/clock.ts'

const LOOK_MS = 60_000

/** State of these files now. Two states are equal only if nothing was written or replaced in between. */
export function fingerprint(files: readonly string[]): string {
  return files.map(stateOf).join('\n')
}

function stateOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false, bigint: true })
  return stat ? `${file} ${stat.ino} ${stat.size} ${stat.mtimeNs}` : `${file} -`
}

/** Calls `changed` within a minute of a change; returns what ends it. The list may differ from look to look. */
export function watchFiles(clock: Clock, files: () => readonly string[], changed: () => void): () => void {
  let known = fingerprint(files())
  let cancel: () => void = () => {}
  const look = (): void => {
    const now = fingerprint(files())
    if (now !== known) changed()
    known = now
    cancel = clock.after(LOOK_MS, look)
  }
  cancel = clock.after(LOOK_MS, look)
  return () => cancel()
}

/** Places inside a data directory, and who may look. */
import { createHash } from 'node:crypto'
import { accessSync, chmodSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { OutsideError } from '../log.ts'

/** sockaddr_un holds 108 bytes, one of them the closing NUL. */
const SOCKET_PATH = 107

export const databaseFile = (dataDir: string): string => join(dataDir, 'belfry.db')

/** Mark of a restore that is under way: until it is gone the data is of two kinds. */
export const unfinishedRestore = (dataDir: string): string => join(dataDir, 'restore-unfinished')

/** @throws OutsideError */
export function refuseUnfinished(dataDir: string): void {
  const mark = unfinishedRestore(dataDir)
  if (existsSync(mark))
    throw new OutsideError(
      `a restore into ${dataDir} was interrupted: run it again, or move what is in the newest before-… back and remove ${mark}`,
    )
}

/** The admin socket: beside the data, or under a hashed name where that path is too long for a socket. */
export function adminSocket(dataDir: string): string {
  const path = join(dataDir, 'admin.sock')
  if (Buffer.byteLength(path) <= SOCKET_PATH) return path
  const name = `belfry-${createHash('sha256').update(dataDir).digest('hex').slice(0, 24)}.sock`
  return join(existsSync('/run/belfry') ? '/run/belfry' : '/tmp', name)
}

/** In a directory that others can write, a socket of another user's making must not be handed a password. */
export function trustedSocket(path: string, dataDir: string): boolean {
  const owner = statSync(path).uid
  return owner === 0 || owner === process.getuid?.() || owner === statSync(dataDir).uid
}

function make(dataDir: string): boolean {
  try {
    const made = mkdirSync(dataDir, { recursive: true, mode: 0o750 }) !== undefined
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
    return made
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/, (mkdir|access).*/s, '') : String(cause)
    throw new OutsideError(
      `${dataDir} cannot be the data directory (${why}): make it for the user that runs this, or set data_dir to another one`,
      {
        cause,
      },
    )
  }
}

/** Makes the directory, or tightens it to its owner and group; returns what was noticed. */
export function prepareDataDir(dataDir: string): string[] {
  const made = make(dataDir)
  const { mode, uid } = statSync(dataDir)
  const warnings: string[] = []
  if (!made && (mode & 0o027) !== 0 && (uid === process.getuid?.() || process.getuid?.() === 0)) {
    chmodSync(dataDir, 0o750)
    warnings.push(`${dataDir} was open to others (mode ${(mode & 0o777).toString(8)}); it is 750 now`)
  }
  return warnings
}

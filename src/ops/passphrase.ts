/** The passphrase of backups: from a file, never from an argument, where every user of the machine could read it. */
import { readFileSync } from 'node:fs'
import { OutsideError } from '../log.ts'

/** Characters; scrypt makes guessing slow and cannot make a short one long. */
export const SHORTEST_PASSPHRASE = 8
export const LONGEST_PASSPHRASE = 1024

/** The one line of it, without its end. @throws OutsideError */
export function readPassphrase(file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new OutsideError(`${file}: ${why}`, { cause })
  }
  const passphrase = text.replace(/\r?\n$/, '')
  if (/[\r\n]/.test(passphrase)) throw new OutsideError(`${file} has more than one line`)
  const { length } = passphrase
  if (length < SHORTEST_PASSPHRASE || length > LONGEST_PASSPHRASE)
    throw new OutsideError(
      `the passphrase in ${file} must have ${SHORTEST_PASSPHRASE} to ${LONGEST_PASSPHRASE} characters`,
    )
  return passphrase
}

/** The end of a command. */

/** Pause (ms) between two looks at whether all was written. */
const LOOK_MS = 200

/**
 * Sets the exit code. A command that has failed also ends what still holds the loop, once all it said was written: a start
 * that fails halfway may leave a Worker or a socket behind, and a process that stays would look to systemd like a start
 * that goes on.
 */
export function endWith(code: number): void {
  process.exitCode = code
  if (code === 0) return
  const look = setInterval(() => {
    if (process.stdout.writableLength + process.stderr.writableLength === 0) process.exit(code)
  }, LOOK_MS)
  look.unref()
}

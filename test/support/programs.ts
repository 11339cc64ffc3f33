/** Programs of other people that some tests need. In CI a missing one is a failure, elsewhere a printed reason. */
import { existsSync } from 'node:fs'
import { test } from 'bun:test'

/** `test` when every file is there; else a test that fails in CI and is skipped, with a reason, anywhere else. */
export function testWith(
  programs: readonly string[],
): (name: string, f: () => Promise<void>, ms?: number) => void {
  const missing = programs.filter((path) => !existsSync(path))
  if (missing.length === 0) return (name, f, ms) => test(name, f, ms)
  const reason = `not installed: ${missing.join(', ')}`
  return (name) => {
    if (process.env.CI === 'true') {
      test(name, () => {
        throw new Error(reason)
      })
    } else {
      console.log(`skipped: ${name} (${reason})`)
      test.skip(name, () => undefined)
    }
  }
}

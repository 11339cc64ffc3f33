import { expect, test } from 'bun:test'
import { Output } from '../../src/cli/output.ts'
import { selftest } from '../../src/cli/selftest.ts'

class Recorder extends Output {
  readonly rows: { step?: unknown; result?: unknown }[] = []
  override table(rows: readonly Readonly<Record<string, unknown>>[]): void {
    this.rows.push(...rows)
  }
}

test('a message goes all the way to the simulator, on any machine', async () => {
  const out = new Recorder(true)
  await selftest(out)
  expect(out.rows.map(({ result }) => result)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok', 'ok'])
})

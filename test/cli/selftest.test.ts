import { expect, test } from 'bun:test'
import { Output } from '../../src/cli/output.ts'
import { selftest } from '../../src/cli/selftest.ts'

class Recorder extends Output {
  readonly rows: { step?: unknown; result?: unknown }[] = []
  override table(rows: readonly Readonly<Record<string, unknown>>[]): void {
    this.rows.push(...rows)
  }
}

test('a message goes all the way to the simulator of each provider, on any machine', async () => {
  const out = new Recorder(true)
  await selftest(out)
  expect(out.rows.map(({ result }) => result)).toEqual(Array.from({ length: 11 }, () => 'ok'))
  for (const name of ['Apple', 'browser', 'Google'])
    expect(out.rows.some(({ step }) => String(step).includes(name))).toBe(true)
})

/** `belfry push vapid`: the key is shown, a new one made, and the old one goes on serving. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, spyOn, test } from 'bun:test'
import { runCli } from '../../src/cli/program.ts'

async function belfry(...args: string[]): Promise<{ code: number; said: string }> {
  const out = spyOn(process.stdout, 'write').mockReturnValue(true)
  const err = spyOn(process.stderr, 'write').mockReturnValue(true)
  try {
    const code = await runCli(args)
    return { code, said: [...out.mock.calls, ...err.mock.calls].map(([text]) => String(text)).join('') }
  } finally {
    out.mockRestore()
    err.mockRestore()
  }
}

test('a key is made at first use, another on demand, and each stays in the data', async () => {
  const home = mkdtempSync(join(tmpdir(), 'belfry-vapid-'))
  const file = join(home, 'belfry.toml')
  try {
    writeFileSync(file, `hosts = ["bix.org"]\ndata_dir = "${home}/data"\n`)
    const none = await belfry('-c', file, 'push', 'vapid', 'show')
    expect(none.code).not.toBe(0)
    expect(none.said).toContain('[push.webpush] contact')
    writeFileSync(
      file,
      `hosts = ["bix.org"]\ndata_dir = "${home}/data"\n[push.webpush]\ncontact = "mailto:a@bix.org"\n`,
    )
    const vapid = async (verb: string) => {
      const { code, said } = await belfry('-c', file, '-o', 'json', 'push', 'vapid', verb)
      expect(code).toBe(0)
      return JSON.parse(said) as { public_key: string; older: number }
    }
    const first = await vapid('show')
    expect([Buffer.from(first.public_key, 'base64url').length, first.older]).toEqual([65, 0])
    expect(await vapid('show')).toEqual(first)
    const second = await vapid('rotate')
    expect([second.public_key === first.public_key, second.older]).toEqual([false, 1])
    expect(await vapid('show')).toEqual(second)
    const people = await belfry('-c', file, 'push', 'vapid', 'show')
    expect(people.said).toMatch(/older: +1/)
  } finally {
    rmSync(home, { recursive: true })
  }
})

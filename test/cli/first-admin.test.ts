/** What a newcomer sees who runs `npm start`: an address, and a link for the first administrator that works once. */
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { banner } from '../../src/cli/banner.ts'
import { defaults } from '../../src/config/config.ts'

const MAIN = join(import.meta.dir, '../../src/main.ts')
const CONFIG = `[c2s]\nlisten = ["127.0.0.1:0"]\ndirect_tls_listen = []\n[http]\nlisten = ["127.0.0.1:0"]\n`

/** Runs until `use` is done; what it printed for people, and what it logged. */
async function serving(cwd: string, use: (printed: string) => Promise<void>) {
  const server = Bun.spawn([process.execPath, MAIN, 'serve'], {
    cwd,
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...process.env, BELFRY_CONFIG: '' },
  })
  const log = server.stdout.text()
  let printed = ''
  try {
    for await (const chunk of server.stderr) {
      printed += Buffer.from(chunk).toString()
      if (/\n {2}config .*\n/.test(printed)) break
    }
    await use(printed)
  } finally {
    server.kill('SIGTERM')
    await server.exited
  }
  return { printed, log: await log }
}

test('the start prints the address and the link until there is an administrator, and logs neither', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'belfry-first-'))
  try {
    writeFileSync(join(cwd, 'belfry.toml'), CONFIG)
    let token = ''
    const first = await serving(cwd, async (printed) => {
      const base = /\n {2}web +(http:\/\/127\.0\.0\.1:\d+)\/\n/.exec(printed)?.[1] ?? ''
      const link =
        new RegExp(`\\n  first admin +(${base}/admin/setup\\?token=[\\w-]{32})\\n`).exec(printed)?.[1] ?? ''
      const page = await fetch(link)
      expect([page.status, await page.text()]).toEqual([
        200,
        expect.stringContaining('administrator') as string,
      ])
      token = new URL(link).searchParams.get('token') ?? ''
      const made = await fetch(`${base}/admin/setup`, {
        method: 'POST',
        redirect: 'manual',
        headers: { origin: base, 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          token,
          name: 'juliet',
          password: 'secret words',
          again: 'secret words',
        }).toString(),
      })
      expect(made.headers.get('location')).toBe('/admin/?done=setup')
      const root = await fetch(`${base}/`)
      expect([root.url, await root.text()]).toEqual([
        `${base}/admin/login`,
        expect.stringContaining('Sign in') as string,
      ])
    })
    // Who looks at the log later sees when it ran.
    for (const event of ['server started', 'server stops" signal=SIGTERM', 'server stopped'])
      expect(first.log).toContain(event)
    expect(first.log).toContain('"first administrator set up" account=juliet@localhost by=127.0.0.1 door=web')
    expect(first.log).not.toContain(token)
    const second = await serving(cwd, async () => {})
    expect(second.printed).toMatch(/\n {2}web /)
    expect(second.printed + second.log).not.toContain('setup')
  } finally {
    rmSync(cwd, { recursive: true })
  }
}, 30_000)

test.each([
  [{}, [{ name: 'http', host: '::1', port: 5280 }], 'http://[::1]:5280'],
  [{}, [{ name: 'http', host: '0.0.0.0', port: 80 }], 'http://localhost:80'],
  [
    {},
    [
      { name: 'http', host: '::', port: 80 },
      { name: 'https', host: '::', port: 443 },
    ],
    'https://bix.org:443',
  ],
  [{ public_url: 'https://chat.bix.org/x/' }, [], 'https://chat.bix.org/x'],
] as const)('%o %o is reached at %s', (http, listening, base) => {
  const config = defaults()
  const text = banner(
    { ...config, hosts: ['bix.org'], http: { ...config.http, ...http } },
    listening,
    '/admin/setup?token=t',
  )
  expect(text).toContain(`web          ${base}/\n`)
  expect(text).toContain(`first admin  ${base}/admin/setup?token=t\n`)
})

test('where no browser can come, no address is printed', () => {
  expect(
    banner(defaults(), [{ name: 'c2s', host: '::1', port: 5222 }], '/admin/setup?token=t'),
  ).not.toContain('token')
})

/** A push that is opened by code that nobody here wrote: PyPI's http-ece, as Mozilla's tools have it. */
import { createECDH } from 'node:crypto'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'bun:test'
import { chanceFrom, sealText } from '../../src/push/webpush/sealing.ts'
import { systemRandom } from '../../src/store/clock.ts'

const VERSION = '1.2.1'
/** Kept for the next run. */
const PLACE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'belfry', `http-ece-${VERSION}`)
const OPEN = `
import base64, json, sys, http_ece
from cryptography.hazmat.primitives.asymmetric import ec
given = json.load(sys.stdin)
raw = {name: base64.b64decode(text) for name, text in given.items()}
key = ec.derive_private_key(int.from_bytes(raw["private"], "big"), ec.SECP256R1())
sys.stdout.buffer.write(http_ece.decrypt(raw["body"], private_key=key, auth_secret=raw["auth"], version="aes128gcm"))
`

async function succeeds(...command: string[]): Promise<void> {
  const child = Bun.spawn(command, { stdout: 'ignore', stderr: 'pipe' })
  if ((await child.exited) !== 0) throw new Error(await child.stderr.text())
}

test('http-ece opens what was sealed here, the shortest text and the longest', async () => {
  if (!existsSync(join(PLACE, 'bin', 'http-ece.ready'))) {
    await succeeds('python3', '-m', 'venv', PLACE)
    await succeeds(join(PLACE, 'bin', 'pip'), 'install', '--quiet', `http-ece==${VERSION}`)
    await Bun.write(join(PLACE, 'bin', 'http-ece.ready'), '')
  }
  const app = createECDH('prime256v1')
  const keys = { p256dh: app.generateKeys(), auth: systemRandom.bytes(16) }
  for (const text of ['x', 'wherefore art thou, Romeo? 👍', 'x'.repeat(3993)]) {
    const body = sealText(
      Buffer.from(text),
      keys,
      chanceFrom((n) => systemRandom.bytes(n)),
    )
    const child = Bun.spawn([join(PLACE, 'bin', 'python'), '-c', OPEN], {
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const given = { private: app.getPrivateKey(), auth: keys.auth, body }
    const encoded = Object.entries(given).map(([name, bytes]) => [name, bytes.toString('base64')])
    await child.stdin.write(JSON.stringify(Object.fromEntries(encoded)))
    await child.stdin.end()
    const [opened, trouble] = await Promise.all([child.stdout.text(), child.stderr.text()])
    expect([trouble, opened]).toEqual(['', text])
  }
}, 120_000)

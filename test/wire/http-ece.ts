/** PyPI's http-ece, as Mozilla's tools have it: it opens what was sealed for a browser or an app (RFC 8291). */
import type { ECDH } from 'node:crypto'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

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

/** Installs it, where that was not done before. */
export async function installHttpEce(): Promise<void> {
  if (existsSync(join(PLACE, 'bin', 'http-ece.ready'))) return
  await succeeds('python3', '-m', 'venv', PLACE)
  await succeeds(join(PLACE, 'bin', 'pip'), 'install', '--quiet', `http-ece==${VERSION}`)
  await Bun.write(join(PLACE, 'bin', 'http-ece.ready'), '')
}

/** @throws what it says where it cannot be opened */
export async function openByHttpEce(body: Uint8Array, app: ECDH, auth: Buffer): Promise<string> {
  const child = Bun.spawn([join(PLACE, 'bin', 'python'), '-c', OPEN], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const given = { private: app.getPrivateKey(), auth, body: Buffer.from(body) }
  const encoded = Object.entries(given).map(([name, bytes]) => [name, bytes.toString('base64')])
  await child.stdin.write(JSON.stringify(Object.fromEntries(encoded)))
  await child.stdin.end()
  const [opened, trouble] = await Promise.all([child.stdout.text(), child.stderr.text()])
  if (trouble !== '') throw new Error(trouble)
  return opened
}

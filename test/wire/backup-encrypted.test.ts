/** An encrypted backup from the command to the restored server, and opened by Debian's `age` without us. */
import { expect, test } from 'bun:test'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { verifyBackup } from '../../src/store/backup/verify.ts'
import { belfry, finished } from './backup-support.ts'
import { type Wire, wire } from './support.ts'

const PASSPHRASE = 'seven words of a poem'
/** The Worker steps behind everything else of the machine, and a key takes it a second of a core. */
const LONG = 90_000

interface Entry {
  readonly name: string
  readonly encrypted: boolean
  readonly uploads: string
}

async function listed(w: Wire): Promise<{ directory: string; items: Entry[] }> {
  return (await (await w.ask('GET', '/v1/backups')).json()) as { directory: string; items: Entry[] }
}

test(
  'made by the command, verified over HTTP, opened by age, restored',
  async () => {
    await using w = await wire()
    await w.account('romeo@bix.org')
    const file = join(w.directory, 'passphrase')
    writeFileSync(file, `${PASSPHRASE}\n`)
    const made = await belfry(w.directory, 'backup', 'create', '--passphrase-file', file)
    expect(made.code).toBe(0)
    expect(made.err).toContain('encrypting  100 %')
    const { directory, items } = await listed(w)
    const { name, ...facts } = items[0] ?? { name: '' }
    expect(facts).toMatchObject({ encrypted: true, uploads: 'copy' })
    const audit = await (await w.ask('GET', '/v1/audit?limit=1')).text()
    expect(JSON.parse(audit)).toMatchObject({ items: [{ event: 'backup made', facts: { encrypted: true } }] })
    expect(audit).not.toContain(PASSPHRASE)

    const verify = (body?: object) => w.ask('POST', `/v1/backups/${name}/verify`, body)
    expect(await finished(w, await verify())).toMatchObject({ result: { ok: true, opened: false } })
    expect(await finished(w, await verify({ passphrase: PASSPHRASE }))).toMatchObject({
      result: { ok: true, opened: true },
    })
    const failed = await finished(w, await verify({ passphrase: 'not this one' }))
    expect(failed.state).toBe('failed')
    expect(failed.error).toContain('the passphrase is not the one')
    expect((await verify({ passphrase: 'short' })).status).toBe(422)

    const plain = join(w.directory, 'plain')
    mkdirSync(plain)
    expect(await age(join(directory, name, 'contents.tar.age'), join(w.directory, 'contents.tar'))).toBe(0)
    expect(Bun.spawnSync(['tar', '-xf', join(w.directory, 'contents.tar'), '-C', plain]).exitCode).toBe(0)
    expect(verifyBackup(plain).ok).toBe(true)

    await w.account('tybalt@bix.org')
    await w.server.stop()
    const closed = await belfry(w.directory, 'backup', 'restore', name, '--yes')
    expect(closed.code).toBe(1)
    expect(closed.err).toContain('is encrypted: give --passphrase-file')
    const wrong = join(w.directory, 'wrong')
    writeFileSync(wrong, 'not this one')
    const other = await belfry(w.directory, 'backup', 'restore', name, '--yes', '--passphrase-file', wrong)
    expect(other.code).toBe(1)
    expect(other.err).toContain('the passphrase is not the one')
    const back = await belfry(w.directory, 'backup', 'restore', name, '--yes', '--passphrase-file', file)
    expect(back.code).toBe(0)
    expect(readdirSync(w.config.data_dir).filter((entry) => entry.startsWith('backup-work'))).toEqual([])
    await w.restart()
    const users = (await (await w.ask('GET', '/v1/users')).json()) as { items: { jid: string }[] }
    expect(users.items.map(({ jid }) => jid)).toEqual(['romeo@bix.org'])
  },
  LONG,
)

/** `age -d`, which takes a passphrase from its terminal alone. */
async function age(file: string, out: string): Promise<number> {
  let screen = ''
  const child = Bun.spawn(['age', '-d', '-o', out, file], {
    terminal: {
      data(terminal, bytes) {
        screen += Buffer.from(bytes).toString()
        if (!/passphrase: $/.test(screen)) return
        screen = ''
        terminal.write(`${PASSPHRASE}\n`)
      },
    },
  })
  return child.exited
}

test(
  'by the clock it is encrypted where the configuration names a passphrase, and fails aloud where that cannot be read',
  async () => {
    await using w = await wire({
      toml: '[backup]\npassphrase_file = "backup.passphrase"\n',
      prepare: (directory) =>
        writeFileSync(join(directory, 'backup.passphrase'), `${PASSPHRASE}\n`, { mode: 0o600 }),
    })
    await finished(w, await w.ask('POST', '/v1/backups', {}))
    const [entry] = (await listed(w)).items
    expect(entry?.encrypted).toBe(true)
    const looked = await belfry(w.directory, '-o', 'json', 'backup', 'verify', entry?.name ?? '')
    expect(JSON.parse(looked.out)).toMatchObject({ opened: true, uploads: 'copy' })
    const file = join(w.directory, 'backup.passphrase')
    for (const [text, why] of [
      ['', 'must have 8 to 1024'],
      ['seven\nwords\n', 'more than one line'],
    ] as const) {
      writeFileSync(file, text)
      const answer = await w.ask('POST', '/v1/backups', {})
      expect(answer.status).toBe(503)
      expect(await answer.text()).toContain(why)
    }
  },
  LONG,
)

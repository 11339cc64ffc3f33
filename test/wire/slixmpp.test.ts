/** Debian's slixmpp over TCP and STARTTLS: chat, history, carbons, a cut network and a restart. */
import { join } from 'node:path'
import { expect } from 'bun:test'
import { Cable } from '../support/cable.ts'
import { testWith } from '../support/programs.ts'
import { befriend, says, times, watches } from './contact.ts'
import { PASSWORD, wire } from './support.ts'

const PYTHON = '/usr/bin/python3'

interface Told {
  readonly event: string
  readonly body?: string
  readonly bodies?: string[]
}

class Slixmpp {
  readonly told: Told[] = []
  readonly #child: Bun.Subprocess<'pipe', 'pipe', 'pipe'>
  #wake: () => void = () => {}

  constructor(port: number, jid: string) {
    const script = join(import.meta.dir, 'slixmpp-client.py')
    this.#child = Bun.spawn([PYTHON, script, String(port), jid, PASSWORD], {
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    void this.#listen()
  }

  async #listen(): Promise<void> {
    let rest = ''
    for await (const chunk of this.#child.stdout) {
      const lines = (rest + Buffer.from(chunk).toString()).split('\n')
      rest = lines.pop() ?? ''
      // Its own lines, as the script writes them.
      for (const line of lines) this.told.push(JSON.parse(line) as Told)
      this.#wake()
    }
  }

  does(command: string): void {
    void this.#child.stdin.write(`${command}\n`)
    void this.#child.stdin.flush()
  }

  /** The n-th event of this name, once it has come. */
  async tells(event: string, n = 1): Promise<Told> {
    for (;;) {
      const found = this.told.filter((told) => told.event === event)[n - 1]
      if (found) return found
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  bodies(event = 'message'): (string | undefined)[] {
    return this.told.filter((told) => told.event === event).map(({ body }) => body)
  }

  async quits(): Promise<void> {
    this.does('quit')
    expect(`${await this.#child.exited} ${await this.#child.stderr.text()}`).toStartWith('0 ')
  }
}

testWith([PYTHON, '/usr/lib/python3/dist-packages/slixmpp/__init__.py'])(
  'slixmpp over a cut network and a restart: each message once',
  async () => {
    // COMPAT(slixmpp, 1.8.3): it binds channels by tls-unique only, which TLS 1.3 does not have.
    await using own = await wire({ auth: 'channel_binding = false' })
    for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await own.account(jid)
    await befriend(own)
    await using cable = await Cable.to(own.port('c2s'))
    let romeo = await watches(own)
    const juliet = new Slixmpp(cable.port, 'juliet@bix.org/balcony')
    const desk = new Slixmpp(own.port('c2s'), 'juliet@bix.org/desk')
    for (const client of [juliet, desk]) await client.tells('started')
    romeo.send(says('before'))
    for (const client of [juliet, desk]) await client.tells('message')
    desk.does('say romeo@bix.org from the desk')
    expect(await romeo.body()).toBe('from the desk')
    await juliet.tells('carbon')
    await desk.quits()
    await romeo.until(({ attrs }) => attrs.from === 'juliet@bix.org/desk' && attrs.type === 'unavailable')
    const before = romeo.text.length

    cable.cut()
    romeo.send(says('into the dark'))
    await romeo.ping()
    cable.mend()
    await juliet.tells('resumed')
    await juliet.tells('message', 2)
    await romeo.ping()
    // Whoever resumes was never gone.
    expect(romeo.text.slice(before)).not.toContain('unavailable')

    romeo.send(says('just before the end'))
    await romeo.ping()
    await own.restart()
    romeo = await watches(own)
    await juliet.tells('resumed', 2)
    romeo.send(says('after it'))
    await juliet.tells('message', 4)
    juliet.does('say romeo@bix.org at last')
    expect(await romeo.body()).toBe('at last')
    await romeo.ping()
    expect(times(romeo, 'at last')).toBe(1)
    juliet.does('history')
    const history = ['before', 'from the desk', 'into the dark', 'just before the end', 'after it', 'at last']
    expect((await juliet.tells('history')).bodies).toEqual(history)
    expect(juliet.bodies()).toEqual(['before', 'into the dark', 'just before the end', 'after it'])
    expect(juliet.bodies('carbon')).toEqual(['from the desk'])
    await juliet.quits()
    romeo.close()
  },
)

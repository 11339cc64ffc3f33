/** Debian's slixmpp as a process: commands go in, what it tells comes out (slixmpp-client.py). */
import { join } from 'node:path'
import { expect } from 'bun:test'
import { testWith } from '../support/programs.ts'
import { PASSWORD } from './support.ts'

const PYTHON = '/usr/bin/python3'

export const SLIXMPP_PROGRAMS = [PYTHON, '/usr/lib/python3/dist-packages/slixmpp/__init__.py']
export const slixmppTest = testWith(SLIXMPP_PROGRAMS)

interface Told {
  readonly event: string
  readonly body?: string
  readonly bodies?: string[]
}

export class Slixmpp {
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

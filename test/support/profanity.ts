/** profanity, a client for terminals, in a terminal of tmux: what a person types goes in, what one would see comes out. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testWith } from './programs.ts'

const PROFANITY = '/usr/bin/profanity'
const TMUX = '/usr/bin/tmux'
/** Real time after which a wait has failed. */
const PATIENCE_MS = 15_000

export const PROFANITY_PROGRAMS = [PROFANITY, TMUX]
export const profanityTest = testWith(PROFANITY_PROGRAMS)

export interface ProfanityAccount {
  readonly jid: string
  readonly password: string
  readonly resource: string
  readonly port: number
  /** Whether a chat that is opened is filled from the archive. */
  readonly history?: boolean
}

export class Profanity implements AsyncDisposable {
  readonly #home = mkdtempSync(join(tmpdir(), 'belfry-profanity-'))

  private constructor() {}

  /**
   * Starts it; settles when it has logged in and knows what the server offers. It comes back by itself a second or two
   * after its connection is lost.
   */
  static async start(account: ProfanityAccount): Promise<Profanity> {
    const own = new Profanity()
    const { jid, password, resource, port, history = false } = account
    mkdirSync(join(own.#home, 'profanity'))
    writeFileSync(
      join(own.#home, 'profanity/accounts'),
      `[${jid}]\nenabled=true\njid=${jid}\nserver=127.0.0.1\nport=${port}\ntls.policy=trust\n` +
        `password=${password}\nresource=${resource}\n`,
    )
    writeFileSync(
      join(own.#home, 'profanity/profrc'),
      `[connection]\nreconnect=1\ncarbons=true\nmam=${history}\n[chatstates]\nenabled=false\nouttype=false\n`,
    )
    await own.#tmux('new-session', '-d', '-x', '160', '-y', '60', '-s', 'p', `${PROFANITY} -a ${jid}`)
    await own.#shows('a login', (screen) => / logged in successfully, /.test(screen))
    // It knows of no ping, and of no archive, until it has read what the server offers.
    await own.#shows('an answer', (screen) => / - Ping response from server: /.test(screen), '/ping')
    return own
  }

  async types(line: string): Promise<void> {
    await this.#tmux('send-keys', '-t', 'p', '-l', line)
    await this.#tmux('send-keys', '-t', 'p', 'Enter')
  }

  /** Settles once exactly these stand in the open chat: what others said as it is, what one said oneself as "me: …". */
  async chat(...lines: string[]): Promise<void> {
    await this.#shows(lines.join(' | '), (screen) => same(said(screen), lines))
  }

  /** Settles once this stands on the screen. */
  async sees(pattern: RegExp): Promise<void> {
    await this.#shows(String(pattern), (screen) => pattern.test(screen))
  }

  /** The same for a chat that was just opened and is filled from the archive. */
  async history(...lines: string[]): Promise<void> {
    // COMPAT(profanity, 0.13.1): it asks for a page behind the last with <after/> outside <set/>, where XEP-0059 has no
    // meaning for it, and shows the same page twice.
    await this.#shows(lines.join(' | '), (screen) => same([...new Set(said(screen))], lines))
  }

  async #shows(what: string, holds: (screen: string) => boolean, typing?: string): Promise<void> {
    const until = Date.now() + PATIENCE_MS
    for (;;) {
      if (typing !== undefined) await this.types(typing)
      const screen = await this.#tmux('capture-pane', '-p', '-t', 'p')
      if (holds(screen)) return
      if (Date.now() > until) throw new Error(`expected ${what} in\n${screen}`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux('kill-server')
    rmSync(this.#home, { recursive: true })
  }

  async #tmux(...args: string[]): Promise<string> {
    const child = Bun.spawn([TMUX, '-f', '/dev/null', '-S', join(this.#home, 'tmux.sock'), ...args], {
      env: {
        HOME: this.#home,
        XDG_CONFIG_HOME: this.#home,
        XDG_DATA_HOME: this.#home,
        TERM: 'xterm',
        PATH: '/bin:/usr/bin',
        LANG: 'C.UTF-8',
      },
      stdout: 'pipe',
      stderr: 'ignore',
    })
    return child.stdout.text()
  }
}

/** A line of a chat is "HH:MM:SS - me: text" or "HH:MM:SS - JID/resource: text"; carbons and history look the same. */
function said(screen: string): string[] {
  const lines = screen.matchAll(/^\S+ - (?:(me: )|\S+@\S+: )(.*?) *$/gm)
  return Array.from(lines, ([, mine = '', text = '']) => mine + text)
}

const same = (one: readonly string[], other: readonly string[]) => one.join('\n') === other.join('\n')

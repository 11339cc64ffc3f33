/** Context of every command: the global options, the output, the configuration, and a door to the server. */
import { resolve } from 'node:path'
import { type Config, loadConfig } from '../config/config.ts'
import { adminSocket } from '../ops/data-dir.ts'
import { curlDoor, REDACTED } from './curl.ts'
import { type Door, openDoor } from './door.ts'
import { CliError, EXIT } from './exit.ts'
import { Output } from './output.ts'
import { type PasswordOptions, readPassword } from './password.ts'

export interface GlobalOptions {
  readonly config?: string
  readonly output: 'text' | 'json'
  readonly yes?: boolean
  /** The call is printed instead of made. */
  readonly curl?: boolean
}

/** A command gets its context when it runs: only then are the options known. */
export type ContextOf = () => Context

export class Context {
  readonly out: Output
  #config: Config | undefined

  constructor(readonly options: GlobalOptions) {
    this.out = new Output(options.output === 'json')
  }

  get config(): Config {
    return (this.#config ??= loadConfig({ file: this.options.config }))
  }

  /** Runs `verb` against the server, or against the data of a stopped one unless the verb needs a server. */
  async withDoor(verb: (door: Door) => Promise<void>, needsServer = false): Promise<void> {
    const door = this.options.curl
      ? curlDoor(adminSocket(resolve(this.config.data_dir)), (line) => this.out.line(line))
      : await openDoor(this.config, needsServer)
    try {
      await verb(door)
    } finally {
      await door.close()
    }
  }

  /** Asked for, or read as the options say; nothing is asked for where a call is only shown. */
  password(options: PasswordOptions): Promise<string> {
    return this.options.curl ? Promise.resolve(REDACTED) : readPassword(options)
  }

  /** Before something that cannot be taken back. */
  async confirm(question: string): Promise<void> {
    if (this.options.yes || this.options.curl) return
    if (!process.stdin.isTTY) throw new CliError(`${question} Say so with --yes.`, EXIT.usage)
    process.stderr.write(`${question} [y/N] `)
    for await (const line of console) {
      if (/^y(es)?$/i.test(line.trim())) return
      break
    }
    throw new CliError('nothing was done')
  }
}

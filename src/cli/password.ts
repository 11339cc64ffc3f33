/** Passwords never come as an argument, where every user of the machine could read them. */
import { readFileSync } from 'node:fs'
import { CliError, EXIT } from './exit.ts'

export interface PasswordOptions {
  readonly passwordStdin?: boolean
  readonly passwordFile?: string
}

/** At most one newline is taken off the end: it belongs to the editor or to echo, not to the password. */
export const stripNewline = (text: string): string => text.replace(/\r?\n$/, '')

export async function readPassword(options: PasswordOptions): Promise<string> {
  if (options.passwordStdin && options.passwordFile) {
    throw new CliError('choose one of --password-stdin and --password-file', EXIT.usage)
  }
  const password = options.passwordFile
    ? stripNewline(readFile(options.passwordFile))
    : options.passwordStdin
      ? stripNewline(await Bun.stdin.text())
      : await ask()
  if (password === '') throw new CliError('the password is empty', EXIT.usage)
  return password
}

function readFile(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new CliError(`${file}: ${error instanceof Error ? error.message : String(error)}`, EXIT.usage)
  }
}

async function ask(): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new CliError(
      'no terminal to ask for the password; use --password-stdin or --password-file FILE',
      EXIT.usage,
    )
  }
  const terminal = new HiddenLines()
  try {
    const first = await terminal.ask('Password: ')
    if (first !== (await terminal.ask('Again: '))) throw new CliError('the two passwords differ', EXIT.usage)
    return first
  } finally {
    terminal.close()
  }
}

/** Sequences that keys and terminals send beside text: arrows, and the marks around something pasted. */
const CONTROL_SEQUENCE = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|O.|.)/gs

/** Lines from the terminal without echo. A paste brings both answers in one read, so what is left waits for `ask`. */
class HiddenLines {
  #waiting = ''
  #ended = false
  #wake: () => void = () => undefined

  constructor() {
    const { stdin } = process
    stdin.setRawMode(true)
    stdin.setEncoding('utf8')
    stdin.on('data', this.#read)
    stdin.on('end', this.#end)
    stdin.resume()
  }

  close(): void {
    const { stdin } = process
    stdin.off('data', this.#read)
    stdin.off('end', this.#end)
    stdin.setRawMode(false)
    stdin.pause()
  }

  async ask(prompt: string): Promise<string> {
    process.stderr.write(prompt)
    try {
      for (;;) {
        const line = this.#take()
        if (line !== undefined) return line
        if (this.#ended) throw new CliError('interrupted', EXIT.failed)
        await new Promise<void>((resolve) => (this.#wake = resolve))
      }
    } finally {
      process.stderr.write('\n')
    }
  }

  readonly #read = (data: string): void => {
    this.#waiting += data
    this.#wake()
  }

  readonly #end = (): void => {
    this.#ended = true
    this.#wake()
  }

  /** The first whole line of what has come, edited as its keys say. Several line ends in a row are one. */
  #take(): string | undefined {
    const text = this.#waiting.replace(CONTROL_SEQUENCE, '')
    let line = ''
    for (const [at, c] of [...text].entries()) {
      if (c === '\r' || c === '\n') {
        this.#waiting = [...text]
          .slice(at + 1)
          .join('')
          .replace(/^[\r\n]+/, '')
        return line
      }
      if (c === '\u0003' || (c === '\u0004' && line === '')) throw new CliError('interrupted', EXIT.failed)
      if (c === '\u007f' || c === '\b') line = [...line].slice(0, -1).join('')
      else if (c === '\u0015') line = ''
      else if (c >= ' ') line += c
    }
    return undefined
  }
}

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
  const first = await hidden('Password: ')
  if (first !== (await hidden('Again: '))) throw new CliError('the two passwords differ', EXIT.usage)
  return first
}

/** One line from the terminal, without echo. */
function hidden(prompt: string): Promise<string> {
  const { stdin, stderr } = process
  stderr.write(prompt)
  stdin.setRawMode(true)
  stdin.resume()
  stdin.setEncoding('utf8')
  return new Promise((resolve, reject) => {
    let line = ''
    const finish = (settle: () => void): void => {
      stdin.off('data', read)
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write('\n')
      settle()
    }
    const read = (data: string): void => {
      for (const c of data) {
        if (c === '\r' || c === '\n') return finish(() => resolve(line))
        if (c === '\u0003' || (c === '\u0004' && line === '')) {
          return finish(() => reject(new CliError('interrupted', EXIT.failed)))
        }
        if (c === '\u007f' || c === '\b') line = [...line].slice(0, -1).join('')
        else if (c === '\u0015') line = ''
        else if (c >= ' ') line += c
      }
    }
    stdin.on('data', read)
  })
}

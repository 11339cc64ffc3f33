/** The command line: one file per noun, the global options accepted anywhere, one place that ends the process. */
import { Command, CommanderError, Option } from 'commander'
import { ConfigError } from '../config/config.ts'
import { formatProblem, nearest } from '../config/problems.ts'
import { isBug } from '../log.ts'
import { maskAddresses } from '../net/mask-address.ts'
import { VERSION } from '../version.ts'
import { Context, type ContextOf, type GlobalOptions } from './context.ts'
import { CALLS } from './calls.ts'
import { paintFor } from './colour.ts'
import { Shown } from './curl.ts'
import { CliError, EXIT, onLostReader } from './exit.ts'
import { printable } from './output.ts'
import { addApnsSim } from './apns-sim.ts'
import { addApp } from './app.ts'
import { addAudit } from './audit.ts'
import { addBackup } from './backup.ts'
import { addBan } from './ban.ts'
import { addCompletion } from './completion.ts'
import { addCert } from './cert.ts'
import { addConfig } from './config.ts'
import { addDb } from './db.ts'
import { addDevice } from './device.ts'
import { addDoctor } from './doctor.ts'
import { addExport } from './export.ts'
import { addHealth } from './health.ts'
import { addHelp } from './help.ts'
import { addImport } from './import.ts'
import { addInvite } from './invite.ts'
import { addMan } from './man.ts'
import { addMessage } from './message.ts'
import { addLog } from './log.ts'
import { addMetrics } from './metrics.ts'
import { addPush } from './push.ts'
import { addReload } from './reload.ts'
import { addRoom } from './room.ts'
import { addServe } from './serve.ts'
import { addSetup } from './setup.ts'
import { addStatus } from './status.ts'
import { addSystemd } from './systemd.ts'
import { addToken } from './token.ts'
import { addUpload } from './upload.ts'
import { addUser } from './user.ts'
import { addVersion } from './version.ts'
import { addWebhook } from './webhook.ts'

const NOUNS = [
  addServe,
  addSetup,
  addReload,
  addUser,
  addInvite,
  addMessage,
  addRoom,
  addStatus,
  addDoctor,
  addHealth,
  addVersion,
  addCert,
  addConfig,
  addSystemd,
  addApnsSim,
  addDevice,
  addApp,
  addPush,
  addWebhook,
  addToken,
  addBan,
  addUpload,
  addAudit,
  addLog,
  addMetrics,
  addBackup,
  addDb,
  addImport,
  addExport,
  addCompletion,
  addMan,
  addHelp,
]

export function buildProgram(): { program: Command; context: ContextOf } {
  const program = new Command('belfry')
    .description('XMPP chat server with Apple push built in')
    .option(
      '-c, --config <file>',
      'configuration file (else $BELFRY_CONFIG, ./belfry.toml, /etc/belfry/belfry.toml)',
    )
    .addOption(new Option('-o, --output <format>', 'what to print').choices(['text', 'json']).default('text'))
    .option('-y, --yes', 'do not ask before something that cannot be taken back')
    .option('--curl', 'print the HTTP call instead of making it, secrets left out')
    .version(VERSION, '-V, --version', 'print the version')
    .helpCommand(false)
  const context: ContextOf = () => new Context(program.opts<GlobalOptions>())
  for (const add of NOUNS) add(program, context)
  configure(program)
  program.hook('preAction', (_, verb) => {
    if (program.opts<GlobalOptions>().curl) refuseCurlOfLocal(nameOf(verb))
  })
  return { program, context }
}

/** Words of a verb, as a person types them. */
export function nameOf(command: Command): string {
  const outer = command.parent
  return outer?.parent ? `${nameOf(outer)} ${command.name()}` : command.name()
}

/** @throws CliError */
function refuseCurlOfLocal(verb: string): void {
  const call = CALLS[verb]
  if (call && 'local' in call)
    throw new CliError(`belfry ${verb} makes no call: it ${call.local}`, EXIT.usage)
}

/** Commander's settings are per command, so they are given to each. */
function configure(command: Command): void {
  command.exitOverride().showSuggestionAfterError(true)
  // Our `main` prints the one line; Commander's own writing is only for help.
  command.configureOutput({ writeErr: () => {} })
  for (const inner of command.commands) configure(inner)
}

/** Runs one command line; returns the exit code and never throws. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const { program } = buildProgram()
  process.stdout.on('error', onLostReader)
  try {
    refuseHelpOfNothing(program, argv)
    await program.parseAsync(argv, { from: 'user' })
    return EXIT.ok
  } catch (error) {
    if (error instanceof Shown) return EXIT.ok
    const json = argv.some((arg, i) => isJson(arg, argv[i + 1]))
    return report(error, json, argv)
  }
}

/** `belfry usr -h`: the help of everything, and 0, would say that there is such a verb. @throws CommanderError */
function refuseHelpOfNothing(program: Command, argv: readonly string[]): void {
  if (!argv.some((arg) => arg === '-h' || arg === '--help')) return
  let command = program
  for (const [at, arg] of argv.entries()) {
    const isValue = /^(-c|--config|-o|--output)$/.test(argv[at - 1] ?? '')
    if (isValue || arg.startsWith('-')) continue
    if (command.commands.length === 0) return
    const next = command.commands.find((inner) => inner.name() === arg)
    if (!next) {
      const guess = nearest(
        arg,
        command.commands.map((inner) => inner.name()),
      )
      const hint = guess === undefined ? '' : ` — did you mean ${guess}?`
      throw new CommanderError(EXIT.usage, 'commander.unknownCommand', `unknown command '${arg}'${hint}`)
    }
    command = next
  }
}

const isJson = (arg: string, next: string | undefined): boolean =>
  arg === '-ojson' || arg === '--output=json' || ((arg === '-o' || arg === '--output') && next === 'json')

/** Tells why the command failed; returns the exit code. */
export function report(
  error: unknown,
  json: boolean,
  argv: readonly string[],
  tell = toStandardError,
): number {
  if (error instanceof CommanderError) return reportUsage(error, json, argv)
  if (error instanceof ConfigError) {
    if (json) tell(jsonLine({ error: 'config', problems: error.problems }))
    else {
      for (const p of error.problems) {
        tell(`${errorWord()} ${typeof p === 'string' ? maskAddresses(p) : formatProblem(p)}\n`)
      }
    }
    return EXIT.usage
  }
  const message = maskAddresses(error instanceof Error ? error.message : String(error))
  // The trace is for whoever mends the program; all others need the sentence alone.
  const trace = isBug(error) && error instanceof Error ? maskAddresses(error.stack ?? message) : undefined
  if (json) tell(jsonLine({ error: message, trace, ...(error instanceof CliError ? error.details : {}) }))
  else {
    const lines = (trace ?? message).split('\n').map(printable)
    tell(`${errorWord()} ${lines.join('\n')}\n`)
  }
  return error instanceof CliError ? error.exitCode : EXIT.failed
}

function reportUsage(error: CommanderError, json: boolean, argv: readonly string[]): number {
  if (error.exitCode === 0) return EXIT.ok
  // A noun without a verb: show what it can do, but a script must see that it did nothing.
  if (error.code === 'commander.help') {
    const noun = argv.filter((arg) => /^[a-z]/.test(arg)).slice(0, 1)
    process.stderr.write(`error: a verb is missing; see: ${['belfry', ...noun, '--help'].join(' ')}\n`)
    return EXIT.usage
  }
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)/s, ' — did you mean $1?')
  if (json) toStandardError(jsonLine({ error: message }))
  else process.stderr.write(`${errorWord()} ${message} (see --help)\n`)
  return EXIT.usage
}

const errorWord = (): string => paintFor(process.stderr)('error:', 'red')
const toStandardError = (text: string): void => void process.stderr.write(text)
const jsonLine = (value: unknown): string => `${JSON.stringify(value)}\n`

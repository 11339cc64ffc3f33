import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { bindError } from '../ops/bind-error.ts'
import { CliError, EXIT } from './exit.ts'
import type { ContextOf } from './context.ts'

interface SimOptions {
  readonly host: string
  readonly port: string
  readonly control: boolean
  readonly delay: string
  readonly quiet: boolean
  readonly caFile?: string
}

export function addApnsSim(program: Command, context: ContextOf): void {
  program
    .command('apns-sim')
    .description('run a stand-in for Apple and print what a phone would show')
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <number>', 'where to listen; 0 = any free port', '2197')
    .option('--control', 'also answer GET /sim/received and POST /sim/script', false)
    .option('--delay <ms>', 'answer each push this late', '0')
    .option('--quiet', 'do not print the pushes', false)
    .option('--ca-file <file>', 'write the certificate that clients must trust, for ca_file in [[push.apps]]')
    .action(async (options: SimOptions) => {
      const { out } = context()
      const { host, control } = options
      const port = Number(options.port)
      if (!Number.isInteger(port) || port < 0 || port > 65_535) {
        throw new CliError(`"${options.port}" is no port`, EXIT.usage)
      }
      const delayMs = Number(options.delay)
      if (!Number.isInteger(delayMs) || delayMs < 0 || delayMs > 600_000) {
        throw new CliError(`"${options.delay}" is no delay in ms`, EXIT.usage)
      }
      const { startApnsSim } = await import('../ops/apns-sim.ts')
      const print = options.quiet ? {} : { print: (block: string) => out.text(block) }
      const sim = await startApnsSim({ host, port, control, ...print, always: { delayMs } }).catch(
        (error: unknown) => {
          throw bindError('the simulator', `${host}:${port}`, '--host and --port', error)
        },
      )
      if (options.caFile !== undefined) writeFileSync(options.caFile, sim.ca)
      process.stderr.write(`APNs simulator at ${sim.url}; no phone rings. Stop it with Ctrl-C.\n`)
      await new Promise<void>((resolve) => {
        process.once('SIGINT', resolve)
        process.once('SIGTERM', resolve)
      })
      await sim.close()
    })
}

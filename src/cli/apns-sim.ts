import type { Command } from 'commander'
import type { ContextOf } from './program.ts'

export function addApnsSim(program: Command, context: ContextOf): void {
  program
    .command('apns-sim')
    .description('run a stand-in for Apple and print what a phone would show')
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <number>', 'where to listen; 0 = any free port', '2197')
    .option('--control', 'also answer GET /sim/received and POST /sim/script', false)
    .action(async (options: { host: string; port: string; control: boolean }) => {
      const { out } = context()
      const { startApnsSim } = await import('../ops/apns-sim.ts')
      const sim = await startApnsSim({
        host: options.host,
        port: Number(options.port),
        control: options.control,
        print: (block) => out.text(block),
      })
      process.stderr.write(`APNs simulator at ${sim.url}; no phone rings. Stop it with Ctrl-C.\n`)
      await new Promise<void>((resolve) => {
        process.once('SIGINT', resolve)
        process.once('SIGTERM', resolve)
      })
      await sim.close()
    })
}

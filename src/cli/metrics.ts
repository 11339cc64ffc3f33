import type { Command } from 'commander'
import alerts from '../packaging/alerts.yml' with { type: 'text' }
import { grafanaDashboard } from '../packaging/grafana.ts'
import type { ContextOf } from './context.ts'
import { CliError, EXIT } from './exit.ts'

export function addMetrics(program: Command, context: ContextOf): void {
  const metrics = program
    .command('metrics')
    .description('figures for Prometheus, with alert rules and a dashboard for them')
  metrics
    .command('show')
    .description('print the figures as Prometheus gets them from /metrics')
    .action(async () => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        const { status, text } = await door.text('/metrics')
        if (status !== 200) throw new CliError(`the server answered ${status}`, EXIT.failed)
        ctx.out.text(text)
      }, true)
    })
  metrics
    .command('rules')
    .description('print alert rules, for rule_files of Prometheus')
    // The runtime's types know such a file read as data only.
    .action(() => context().out.text(alerts as string))
  metrics
    .command('dashboard')
    .description('print a dashboard, for "Import" of Grafana')
    .action(() => context().out.document(grafanaDashboard()))
}

import type { Command } from 'commander'
import { VERSION } from '../version.ts'
import type { ContextOf } from './context.ts'

export function addVersion(program: Command, context: ContextOf): void {
  program
    .command('version')
    .description('print the version of this program and of its runtime')
    .action(() => {
      const facts = {
        version: VERSION,
        runtime: `bun ${Bun.version}`,
        platform: `${process.platform}-${process.arch}`,
      }
      const { out } = context()
      if (out.json) out.document(facts)
      else out.text(`belfry ${facts.version} (${facts.runtime}, ${facts.platform})`)
    })
}

/** The executable. */
import { runCli } from './cli/program.ts'

// What Belfry writes holds other people's messages: nothing of it is for everybody.
process.umask(0o027)
process.exitCode = await runCli(process.argv.slice(2))

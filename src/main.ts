/** The executable. */
import { endWith } from './cli/end.ts'
import { runCli } from './cli/program.ts'

// What Belfry writes holds other people's messages: nothing of it is for everybody.
process.umask(0o027)
// No top-level await: the build stores bytecode, which cannot hold one.
void runCli(process.argv.slice(2)).then(endWith)

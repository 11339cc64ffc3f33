/** Exit codes of commands. The numbers are an interface: scripts rely on them. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3, notFound: 4, partial: 5 } as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** A shell's code of the end by SIGPIPE, which the runtime ignores. */
const NO_READER = 128 + 13

/** `belfry … | head`: whoever read has enough, so there is nothing left to do or to say. */
export function onLostReader(error: Error & { readonly code?: string }): never {
  if (error.code !== 'EPIPE') throw error
  process.exit(NO_READER)
}

/** Ends the command with one line on stderr: what went wrong and what to do about it. */
export class CliError extends Error {
  constructor(
    message: string,
    readonly exitCode: ExitCode = EXIT.failed,
    /** Extra facts for `-o json`. */
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message)
    this.name = 'CliError'
  }
}

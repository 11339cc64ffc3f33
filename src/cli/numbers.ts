import { CliError, EXIT } from './exit.ts'

/** A whole number that somebody typed; `what` names it. Throws a usage error. */
export function wholeNumber(text: string, what: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw new CliError(`"${text}" is no ${what}, which is a whole number`, EXIT.usage)
  return Number(text)
}

import { parseDuration } from '../config/values.ts'
import { CliError, EXIT } from './exit.ts'

/** A whole number that somebody typed; `what` names it. Throws a usage error. */
export function wholeNumber(text: string, what: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw new CliError(`"${text}" is no ${what}, which is a whole number`, EXIT.usage)
  return Number(text)
}

/** Milliseconds of a duration that somebody typed and that has an end. Throws a usage error that shows `example`. */
export function duration(text: string, example: string): number {
  const ms = parseDuration(text)
  if (ms === undefined || !Number.isFinite(ms))
    throw new CliError(`"${text}" is not a duration such as ${example}`, EXIT.usage)
  return ms
}

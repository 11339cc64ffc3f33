/** Colour for terminals alone, and for nobody who has said NO_COLOR (https://no-color.org) or has a dumb one. */
import type { WriteStream } from 'node:tty'

/** SGR codes of ECMA-48. */
const CODES = { bold: 1, red: 31, green: 32, yellow: 33, dim: 2 } as const
export type Colour = keyof typeof CODES

type Paint = (text: string, colour: Colour) => string

export function paintFor({ isTTY }: Pick<WriteStream, 'isTTY'>, env = process.env): Paint {
  if (!isTTY || env.NO_COLOR || env.TERM === 'dumb') return (text) => text
  return (text, colour) => `\u001b[${CODES[colour]}m${text}\u001b[0m`
}

/** Words that tell how something stands, in the columns of lists and at the start of lines. */
export const COLOUR_OF: Readonly<Record<string, Colour>> = {
  ok: 'green',
  warn: 'yellow',
  fail: 'red',
  skip: 'dim',
}

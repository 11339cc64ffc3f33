/** Looks of names (UTS #39 §4): two names are confusable where their skeletons are the same. */
import table from './confusables.txt' with { type: 'text' }

/** Read when it is first needed: a start does not wait for it. */
let prototypes: ReadonlyMap<string, string> | undefined

/** Of a prepared local part. Left-to-right as it is stored, whatever the direction in which it is shown. */
export function skeleton(name: string): string {
  prototypes ??= read()
  let out = ''
  for (const character of name.normalize('NFD')) {
    if (!/^\p{Default_Ignorable_Code_Point}$/u.test(character)) out += prototypes.get(character) ?? character
  }
  return out.normalize('NFD')
}

/** Of a nick, which is written in any case: a digit may stand for a capital, so the case goes after the likeness. */
export const nickSkeleton = (nick: string): string =>
  skeleton(nick).trim().replace(/\s+/gu, ' ').toLowerCase()

/** Of the name in a bare JID. */
export const skeletonOf = (jid: string): string => skeleton(jid.slice(0, jid.indexOf('@')))

function read(): Map<string, string> {
  const map = new Map<string, string>()
  for (const line of table.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const [prototype = '', ...sources] = line.split(' ')
    const text = textOf(prototype.split('+'))
    for (const source of sources) map.set(textOf([source]), text)
  }
  return map
}

const textOf = (codes: readonly string[]): string =>
  String.fromCodePoint(...codes.map((code) => Number.parseInt(code, 16)))

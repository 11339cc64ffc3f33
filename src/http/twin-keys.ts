/** Keys that stand twice in one object of JSON: which of the two is meant nobody knows (RFC 8259 §4). */

const PART = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g

/** The first such key of a text that is JSON; undefined where there is none. */
export function twinKey(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = []
  let before = ''
  for (const [part] of json.matchAll(PART)) {
    if (part === '{') open.push(new Set())
    else if (part === '[') open.push(undefined)
    else if (part === '}' || part === ']') open.pop()
    else if (part === ':') {
      const keys = open.at(-1)
      // Escapes may spell one key in several ways.
      const key = JSON.parse(before) as string
      if (keys?.has(key)) return key
      keys?.add(key)
    }
    before = part
  }
  return undefined
}

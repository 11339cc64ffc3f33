/**
 * Text of a message as a lock screen shows it: its own words alone. What stands there for clients that know no better
 * (XEP-0428: the quotation of an answer, the link of a file) goes, and a spoiler (XEP-0382) is hidden. Pure.
 */
import type { FileFacts } from '../../store/outbox-table.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { child, childText, type Element, elements } from '../../xmpp/xml.ts'
import { cleanName } from './names.ts'

const FALLBACK = 'urn:xmpp:fallback:0'
/** Contents that are shown in another way than by the text in their place. */
const KNOWN: ReadonlySet<string> = new Set([NS.reply, NS.sharing, NS.sims, NS.oob])
/** Parts of a body that are looked at. */
const PARTS = 16
const SPOILER = 'urn:xmpp:spoiler:0'
const STICKER = 'urn:xmpp:stickers:0'
/** RFC 5870 §3.3 */
const GEO = /^geo:-?\d+(?:\.\d+)?,-?\d+(?:\.\d+)?\S*$/i
/** Characters of a description of a sticker, which is an emoji or two. */
const STICKER_TEXT = 20

/** Undefined where nothing is said. */
export function shownText(el: Element): string | undefined {
  const body = childText(el, 'body')
  if (!body) return undefined
  const ranges = elements(el)
    .filter(
      ({ name, attrs }) => name === 'fallback' && attrs.xmlns === FALLBACK && KNOWN.has(attrs.for ?? ''),
    )
    .flatMap(rangesOf)
    .slice(0, PARTS)
  const text = ranges.length === 0 ? body : without(body, ranges)
  return text.trim() === '' ? undefined : text
}

/** Something that stands for the text, which is not shown itself; undefined where it is. */
export function standIn(el: Element, text: string | undefined): FileFacts | undefined {
  const spoiler = child(el, 'spoiler', SPOILER)
  if (spoiler) return named('spoiler', cleanName(spoiler.getText()))
  if (child(el, 'sticker', STICKER))
    return named('sticker', text && text.length <= STICKER_TEXT ? cleanName(text) : undefined)
  return text !== undefined && GEO.test(text.trim()) ? { kind: 'location' } : undefined
}

/** Emojis of a reaction (XEP-0444), in a row; undefined where it has none. */
export function emojisOf(el: Element): string | undefined {
  const all = child(el, 'reactions', NS.reactions)
  const emojis = all && elements(all).map((one) => cleanName(one.getText()))
  return (
    emojis
      ?.filter((one) => one !== undefined && one.length <= STICKER_TEXT)
      .slice(0, PARTS)
      .join(' ') || undefined
  )
}

/** XEP-0245 §3: "/me dances" is said of who speaks. */
export function actionOf(text: string, name: string | null | undefined): string {
  if (!text.startsWith('/me ')) return text
  const action = text.slice(4)
  return name ? `${name} ${action}` : action
}

const named = (kind: FileFacts['kind'], name: string | undefined): FileFacts =>
  name === undefined ? { kind } : { kind, name }

type Range = readonly [start: number, end: number]

/** XEP-0428 §3: of the body, in characters (code points); without a range all of it. */
function rangesOf(fallback: Element): Range[] {
  const bodies = elements(fallback).filter(({ name }) => name === 'body')
  if (elements(fallback).length === 0) return [[0, Infinity]]
  return bodies.flatMap(({ attrs: { start, end } }): Range[] => {
    const from = start === undefined ? 0 : Number(start)
    const to = end === undefined ? Infinity : Number(end)
    return from >= 0 && to > from ? [[from, to]] : []
  })
}

function without(body: string, ranges: readonly Range[]): string {
  let kept = ''
  let at = 0
  for (const character of body) {
    if (!ranges.some(([start, end]) => at >= start && at < end)) kept += character
    at++
  }
  return kept
}

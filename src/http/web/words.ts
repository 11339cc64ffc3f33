/**
 * Texts of the web in the reader's language. English stands where it is shown, and each text of it is a key of the
 * catalogue: one that has no translation does not compile.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { CHINESE } from './words/chinese.ts'
import { PROBLEMS } from './words/problems.ts'
import type { ProblemCode } from '../problem-codes.ts'

export const LANGUAGES = { en: 'English', 'zh-Hans': '简体中文' } as const
export type Language = keyof typeof LANGUAGES
export type English = keyof typeof CHINESE

const readers = new AsyncLocalStorage<Language>()

/** Work of `f`, until its promise settles, is for readers of this language. */
export const inLanguage = <T>(language: Language, f: () => T): T => readers.run(language, f)

/** The language of whoever is answered. */
export const languageNow = (): Language => readers.getStore() ?? 'en'

export const isLanguage = (text: string | undefined): text is Language =>
  text !== undefined && Object.hasOwn(LANGUAGES, text)

/** The best of ours in an Accept-Language (RFC 9110 §12.5.4); Chinese of any kind is better read than English. */
export function preferred(accepted: string | undefined): Language {
  const ranges = (accepted ?? '').slice(0, 1000).split(',')
  const wanted = ranges.flatMap((range) => {
    const [tag = '', ...more] = range.trim().toLowerCase().split(';')
    const language: Language | undefined = tag.startsWith('zh')
      ? 'zh-Hans'
      : tag.startsWith('en')
        ? 'en'
        : undefined
    const quality = Number(/^\s*q=([\d.]+)\s*$/.exec(more[0] ?? '')?.[1] ?? 1)
    return language && quality > 0 ? [{ language, quality }] : []
  })
  // Of equal ones the first: the sort is stable.
  return wanted.sort((one, other) => other.quality - one.quality)[0]?.language ?? 'en'
}

/** Names between braces. */
type Names<T> = T extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never
export type Values<T, V> = [Names<T>] extends [never] ? [] : [Record<Names<T>, V>]

/** Texts that stand as they are. */
export type Plain = { [K in English]: [Names<K>] extends [never] ? K : never }[English]

const GAP = /\{(\w+)\}/

/** The text in the reader's language, its gaps filled. */
export function tr<K extends English>(text: K, ...values: Values<K, string | number>): string {
  const [filled = {}] = values as [Record<string, string | number>?]
  return pieces(text)
    .map((piece, i) => (i % 2 === 0 ? piece : valueOf(filled[piece] ?? '')))
    .join('')
}

/** Texts, and between each two of them the name of a gap. */
export function pieces(text: English): string[] {
  return (languageNow() === 'en' ? text : CHINESE[text]).split(GAP)
}

const valueOf = (value: string | number): string => (typeof value === 'number' ? numberOf(value) : value)

/** A text that may come from elsewhere: translated where the catalogue has it. */
export const known = (text: string): string =>
  languageNow() !== 'en' && Object.hasOwn(CHINESE, text) ? CHINESE[text as English] : text

/** A failure: its detail as the API tells it, in Chinese behind what its code means. */
export function problemText(code: string, detail: string): string {
  if (languageNow() === 'en') return detail
  const told = known(detail)
  if (told !== detail || !Object.hasOwn(PROBLEMS, code)) return told
  return `${PROBLEMS[code as ProblemCode]}（${detail}）`
}

const formats = new Map<string, Intl.NumberFormat>()

/** A number as the reader writes it. */
export function numberOf(value: number, digits = 0): string {
  const language = languageNow()
  const key = `${language} ${digits}`
  const made =
    formats.get(key) ??
    new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits })
  formats.set(key, made)
  return made.format(value)
}

/** Presence that is not as RFC 6121 §4.7 has it: made right, since nobody is helped by a refusal. */
import { children, childText, type Element } from './xml.ts'

const LOWEST = -128
const HIGHEST = 127

/**
 * Makes available presence what it means, in place. COMPAT(old iOS apps): their first presence has the type
 * "available", which RFC 6121 §4.7.1 does not know. A priority of no use goes, or comes into its bounds (§4.7.2.3):
 * one bad child must not cost the presence and with it every message.
 */
export function tidyPresence(el: Element): void {
  if (el.attrs.type === 'available' || el.attrs.type === '') delete el.attrs.type
  if (el.attrs.type !== undefined) return
  for (const said of children(el, 'priority')) {
    const text = said.getText().trim()
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : undefined
    if (value === undefined) el.children = el.children.filter((node) => node !== said)
    else if (value !== bounded(value)) said.children = [String(bounded(value))]
  }
}

/** §4.7.2.3: an integer from -128 to 127; zero where there is none. */
export function readPriority(el: Element): number {
  const value = Number(childText(el, 'priority')?.trim() ?? '')
  return Number.isInteger(value) ? bounded(value) : 0
}

function bounded(value: number): number {
  return Math.min(HIGHEST, Math.max(LOWEST, value))
}

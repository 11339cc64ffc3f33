/** @jsxImportSource hono/jsx */
import type { Child } from 'hono/jsx'
import { type English, pieces, type Values } from './words.ts'

/** A text of the catalogue with elements in its gaps. */
export const Rich = <K extends English>({ text, parts }: { text: K; parts: Values<K, Child>[0] }) => (
  <>{pieces(text).map((piece, i) => (i % 2 === 0 ? piece : (parts as Record<string, Child>)[piece]))}</>
)

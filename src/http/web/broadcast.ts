/**
 * Parts of pages that stay as they are in a browser until the server says otherwise (server-sent events). Each part is
 * made once in an interval, however many look at it, and sent where it has changed; while nobody looks nothing is made.
 */
import { getLogger } from '../../log.ts'
import type { Clock } from '../../store/clock.ts'
import type { Ctx } from '../context.ts'
import { HttpError } from '../problem.ts'
import { inLanguage, languageNow } from './words.ts'

export interface Part {
  /** Id of the element that it replaces; parts of one name are the same, so that it tells languages apart. */
  readonly name: string
  /** The part as HTML, made once for all viewers. */
  readonly make: () => string | Promise<string>
  /** Is told when the last who looked at it has gone. */
  readonly left?: () => void
}

/** Name of a part for readers of this language. */
export const nameIn = (name: string): string => (languageNow() === 'en' ? name : `${name}-${languageNow()}`)

/** The part in the language of whoever asks now, whenever it is made. */
function inWords({ name, make, ...rest }: Part): Part {
  const language = languageNow()
  return { ...rest, name: nameIn(name), make: () => inLanguage(language, make) }
}

interface Viewer {
  readonly parts: readonly Part[]
  readonly out: ReadableStreamDefaultController<Uint8Array>
  /** The texts that it has, by the part's name. */
  readonly has: Map<string, string>
  readonly until: number
  /** Whether it may still look. */
  readonly may: () => boolean
}

export interface Pace {
  readonly clock: Clock
  /** Milliseconds between two looks. */
  readonly every: number
}

/** Viewers at a time; one more is told to come back. */
const MOST = 200
/** Bytes that may wait for a viewer; one that takes them too slowly is let go and comes again by itself. */
const WAITING = 128 * 1024
/** Milliseconds for which one answer goes on: a listener that is replaced waits for those who are on it. */
const LONGEST = 60_000
/** Milliseconds without an event after which a comment shows proxies that the connection lives. */
const QUIET = 5_000
const AGAIN = 'retry: 1000\n\n'

const log = getLogger('http')
const encoder = new TextEncoder()

export class Broadcast {
  readonly #pace: Pace
  readonly #viewers = new Set<Viewer>()
  /** Parts that were looked at last, by name. */
  #shown: ReadonlyMap<string, Part> = new Map()
  #running = false
  #said = 0

  constructor(pace: Pace) {
    this.#pace = pace
  }

  get viewers(): number {
    return this.#viewers.size
  }

  /** An answer that goes on until the client leaves, may look no longer, or comes again. */
  answer(c: Ctx, asked: readonly Part[], may: () => boolean): Response {
    const parts = asked.map(inWords)
    if (this.#viewers.size >= MOST)
      throw new HttpError(503, 'too-many-viewers', 'Too many pages are open.', {
        headers: { 'retry-after': '60' },
      })
    let viewer: Viewer | undefined
    const until = this.#pace.clock.monotonic() + LONGEST
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (out) => {
          viewer = { parts, out, has: new Map(), until, may }
          out.enqueue(encoder.encode(AGAIN))
          this.#viewers.add(viewer)
        },
        cancel: () => void (viewer && this.#viewers.delete(viewer)),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: WAITING }),
    )
    if (!this.#running) void this.#run()
    // Proxies that gather answers would hold the events back.
    return c.body(stream, 200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
  }

  async #run(): Promise<void> {
    this.#running = true
    while (this.#viewers.size > 0) {
      await this.#look()
      await new Promise<void>((resolve) => void this.#pace.clock.after(this.#pace.every, resolve))
    }
    this.#running = false
    this.#noteShown()
  }

  #noteShown(): void {
    const before = this.#shown
    this.#shown = new Map(
      [...this.#viewers].flatMap(({ parts }) => parts.map((part) => [part.name, part] as const)),
    )
    for (const [name, part] of before) if (!this.#shown.has(name)) part.left?.()
  }

  async #look(): Promise<void> {
    for (const viewer of this.#viewers) if (!this.#stays(viewer)) this.#end(viewer)
    this.#noteShown()
    const now = this.#pace.clock.monotonic()
    const isQuiet = now - this.#said >= QUIET
    if (isQuiet) this.#said = now
    const made = await this.#make()
    for (const viewer of this.#viewers) {
      for (const { name } of viewer.parts) {
        const part = made.get(name)
        if (!part || viewer.has.get(name) === part.text) continue
        viewer.has.set(name, part.text)
        viewer.out.enqueue(part.event)
      }
      if (isQuiet) viewer.out.enqueue(COMMENT)
    }
  }

  /** Each part that somebody looks at, once. One that cannot be made is left as it is. */
  async #make(): Promise<Map<string, { text: string; event: Uint8Array }>> {
    const made = new Map<string, { text: string; event: Uint8Array }>()
    for (const { name, make } of [...this.#viewers].flatMap(({ parts }) => parts)) {
      if (made.has(name)) continue
      try {
        const text = await make()
        made.set(name, { text, event: encoder.encode(eventOf(name, text)) })
      } catch (error) {
        // The thing that it shows may have gone, or the server is about to stop.
        log.debug('a part of a page could not be made', { part: name, error })
      }
    }
    return made
  }

  #stays({ out, until, may }: Viewer): boolean {
    return (out.desiredSize ?? 0) > 0 && this.#pace.clock.monotonic() < until && may()
  }

  #end(viewer: Viewer): void {
    this.#viewers.delete(viewer)
    viewer.out.close()
  }
}

const COMMENT = encoder.encode(':\n\n')

/** The lines of the text are lines of the event (HTML Standard §9.2.6); a carriage return would end one too. */
const eventOf = (name: string, text: string): string =>
  `event: part\ndata: ${name}\n${text
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join('')}\n`

/** Files of a source as text, a chunk at a time. */
import { isUtf8 } from 'node:buffer'
import { createReadStream, statSync } from 'node:fs'
import { SourceError } from './model.ts'

/** Bytes of one read. */
const CHUNK = 256 * 1024

export type Told = (bytes: number) => void

export const sizeOf = (paths: readonly string[]): number =>
  paths.reduce((sum, path) => sum + statSync(path).size, 0)

export async function* bytesOf(path: string, told: Told): AsyncGenerator<Buffer> {
  const stream = createReadStream(path, { highWaterMark: CHUNK })
  try {
    for await (const chunk of stream) {
      // Without an encoding a file gives buffers.
      const bytes = chunk as Buffer
      told(bytes.length)
      yield bytes
    }
  } catch (error) {
    throw new SourceError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Chunks in UTF-8, none of which ends within a character; `encoding` as in `textOf`. */
export async function* utf8Of(path: string, told: Told, encoding = 'utf-8'): AsyncGenerator<Buffer> {
  if (!/^utf-?8$/i.test(encoding)) {
    for await (const text of textOf(path, told, encoding)) yield Buffer.from(text)
    return
  }
  let rest = Buffer.alloc(0)
  let at = 0
  for await (const bytes of bytesOf(path, told)) {
    const joined = rest.length > 0 ? Buffer.concat([rest, bytes]) : bytes
    const end = wholeOf(joined)
    const whole = joined.subarray(0, end)
    if (!isUtf8(whole)) throw otherEncoding('utf-8', path, at, at + end)
    // A copy: the chunk's memory is used again.
    rest = Buffer.from(joined.subarray(end))
    yield at === 0 && BOM.equals(whole.subarray(0, BOM.length)) ? whole.subarray(BOM.length) : whole
    at += end
  }
  if (rest.length > 0) throw otherEncoding('utf-8', path, at, at + rest.length)
}

const BOM = Buffer.from('\ufeff')

/** The length without a character that may go on. */
function wholeOf(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte < 0x80) break
    if (byte >= 0xc0) return bytes.length - back
  }
  return bytes.length
}

/** `encoding` as in the WHATWG's list: "utf-8", "latin1", "windows-1252". */
export async function* textOf(path: string, told: Told, encoding = 'utf-8'): AsyncGenerator<string> {
  const decoder = decoderOf(encoding, path)
  let at = 0
  for await (const bytes of bytesOf(path, told)) {
    const text = decoded(decoder, bytes, path, at)
    at += bytes.length
    if (text !== '') yield text
  }
  const rest = decoded(decoder, undefined, path, at)
  if (rest !== '') yield rest
}

export function decoderOf(encoding: string, path: string): TextDecoder {
  try {
    // The types name the encodings; what comes from a file or a command line is tried.
    return new TextDecoder(encoding as ConstructorParameters<typeof TextDecoder>[0], { fatal: true })
  } catch {
    throw new SourceError(`${path}: the encoding ${encoding} is not known here; convert it with iconv first`)
  }
}

export function decoded(
  decoder: TextDecoder,
  bytes: Uint8Array | undefined,
  path: string,
  at: number,
): string {
  try {
    return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode()
  } catch {
    throw otherEncoding(decoder.encoding, path, at, at + (bytes?.length ?? 0))
  }
}

const otherEncoding = (encoding: string, path: string, from: number, to: number): SourceError =>
  new SourceError(
    `${path} is not ${encoding} between bytes ${from} and ${to}; say --encoding latin1 if it is Latin-1, or it was cut off`,
  )

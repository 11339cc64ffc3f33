/** Files of a source as text, a chunk at a time. */
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
    throw new SourceError(
      `${path} is not ${decoder.encoding} between bytes ${at} and ${at + (bytes?.length ?? 0)}; say --encoding latin1 if it is Latin-1, or it was cut off`,
    )
  }
}

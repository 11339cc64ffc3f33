/** Files as one tar archive (POSIX pax), which any `tar` unpacks: written and read in pieces, plain files alone. */
import { OutsideError } from '../../log.ts'

const BLOCK = 512
/** Bytes of a name and of a size in octal that the old header has room for; what is longer stands in a pax record. */
const LONGEST_NAME = 100
const LARGEST = 8 ** 11 - 1
/** Bytes of pax records that are read. */
const LONGEST_RECORDS = 64 << 10

/** The blocks that stand before the bytes of a file. */
export function tarHeader(path: string, size: number, mtime: number): Buffer {
  const short = Buffer.byteLength(path) <= LONGEST_NAME && size <= LARGEST
  if (short) return block(path, size, mtime, '0')
  const records = Buffer.from(record('path', path) + record('size', String(size)))
  return Buffer.concat([
    block('pax', records.byteLength, mtime, 'x'),
    records,
    Buffer.alloc(paddingOf(records.byteLength)),
    block('long', Math.min(size, LARGEST), mtime, '0'),
  ])
}

/** Zeroes behind so many bytes of a file. */
export const paddingOf = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK

export const TAR_END = Buffer.alloc(2 * BLOCK)

function block(name: string, size: number, mtime: number, type: string): Buffer {
  const header = Buffer.alloc(BLOCK)
  header.write(name, 0)
  const octal = (value: number, at: number, length: number): void =>
    void header.write(value.toString(8).padStart(length - 1, '0'), at)
  octal(0o600, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size, 124, 12)
  octal(mtime, 136, 12)
  header.write(type, 156)
  header.write('ustar\x0000', 257)
  octal(sumOf(header), 148, 7)
  header[155] = 0x20
  return header
}

/** Of the header's bytes, those of the sum itself taken as spaces. */
const sumOf = (header: Uint8Array): number =>
  header.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0)

/** A record counts its own length. */
function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  const bytes = Buffer.byteLength(rest)
  let length = bytes + String(bytes).length
  if (String(length).length > String(bytes).length) length = bytes + String(length).length
  return `${length}${rest}`
}

export interface TarFile {
  readonly path: string
  readonly size: number
}

/** Reads an archive that is made of pieces; `file` returns what takes the bytes of it. @throws OutsideError */
export function readTar(
  pieces: Iterable<Uint8Array>,
  file: (file: TarFile) => { take(bytes: Uint8Array): void; end(): void },
): void {
  const source = new Source(pieces)
  let records: Map<string, string> = new Map()
  for (;;) {
    const header = source.whole(BLOCK)
    if (header.every((byte) => byte === 0)) break
    const type = String.fromCharCode(header[156] ?? 0)
    if (numberIn(header, 148, 8) !== sumOf(header)) throw new OutsideError('its contents are no tar archive')
    let size = numberIn(header, 124, 12)
    if (type === 'x') {
      if (size > LONGEST_RECORDS) throw new OutsideError('a name in its archive is too long')
      records = recordsIn(source.whole(size))
    } else if (type === '0') {
      size = Number(records.get('size') ?? size)
      const taken = file({ path: records.get('path') ?? textIn(header, 0, LONGEST_NAME), size })
      source.each(size, (bytes) => taken.take(bytes))
      taken.end()
      records = new Map()
    } else throw new OutsideError('its archive holds what is no plain file')
    source.each(paddingOf(size), () => {})
  }
  source.drain()
}

const textIn = (header: Uint8Array, at: number, length: number): string =>
  Buffer.from(header.subarray(at, at + length))
    .toString()
    .replace(/\0.*$/s, '')

const numberIn = (header: Uint8Array, at: number, length: number): number =>
  parseInt(textIn(header, at, length).trim(), 8)

function recordsIn(bytes: Uint8Array): Map<string, string> {
  const found = new Map<string, string>()
  for (let at = 0; at < bytes.byteLength;) {
    const [, length, key, value] = /^(\d+) ([^=]+)=(.*)\n$/s.exec(recordAt(bytes, at)) ?? []
    if (length === undefined || key === undefined || value === undefined)
      throw new OutsideError('its contents are no tar archive')
    found.set(key, value)
    at += Number(length)
  }
  return found
}

function recordAt(bytes: Uint8Array, at: number): string {
  const length = parseInt(Buffer.from(bytes.subarray(at, at + 8)).toString(), 10)
  return Buffer.from(bytes.subarray(at, at + (length || 0))).toString()
}

/** Bytes of an iterator, asked for in other lengths than it has them. */
class Source {
  readonly #pieces: Iterator<Uint8Array>
  #rest: Uint8Array = new Uint8Array()

  constructor(pieces: Iterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.iterator]()
  }

  each(length: number, take: (bytes: Uint8Array) => void): void {
    for (let left = length; left > 0;) {
      if (this.#rest.byteLength === 0) this.#rest = this.#next()
      const part = this.#rest.subarray(0, left)
      take(part)
      this.#rest = this.#rest.subarray(part.byteLength)
      left -= part.byteLength
    }
  }

  whole(length: number): Uint8Array {
    const bytes = Buffer.alloc(length)
    let at = 0
    this.each(length, (part) => {
      bytes.set(part, at)
      at += part.byteLength
    })
    return bytes
  }

  /** To the end, so that what stands behind is looked at too. */
  drain(): void {
    while (this.#pieces.next().done !== true);
  }

  #next(): Uint8Array {
    for (;;) {
      const next = this.#pieces.next()
      if (next.done === true) throw new OutsideError('its archive ends early')
      if (next.value.byteLength > 0) return next.value
    }
  }
}

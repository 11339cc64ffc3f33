/** The place of files: a folder of this machine, or a store elsewhere that speaks S3. */

/** Bytes `start` up to, not with, `end`. */
export interface Part {
  readonly start: number
  readonly end: number
}

/** A file that is coming in. */
export interface Incoming {
  /** Bytes that were taken so far. */
  readonly written: number
  /** Takes the memory of `chunk`, too. Settles when there is room for the next. */
  write(chunk: Uint8Array): Promise<void>
  /** Once this is done it is there whatever happens to the machine. */
  keep(): Promise<void>
  /** Leaves nothing. */
  discard(): Promise<void>
}

export type Content = Blob | ReadableStream<Uint8Array>

export interface Storage {
  /** `size` is what will be written. */
  create(file: string, size: number): Promise<Incoming>
  has(file: string): Promise<boolean>
  /** Undefined where it is not there. */
  read(file: string, part: Part | undefined): Promise<Content | undefined>
  /** By itself with what is left of a try to write it. */
  remove(file: string): Promise<void>
  /** All that is there, of others too; of an unfinished file its name with PART behind it. */
  names(): AsyncIterable<string>
  /** Removes what is left of a try to write it, and never the file. */
  removePart(file: string): Promise<void>
  /** Bytes that it has left for us. */
  free(): Promise<number>
}

/** Kinds of failures of a store elsewhere. */
export type Trouble = 'down' | 'refused' | 'full'

export class StorageError extends Error {
  constructor(
    readonly trouble: Trouble,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

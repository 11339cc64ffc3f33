/**
 * Gives back the pages of the executable that only the start needed. A third of what an idle server seems to use is
 * code of the runtime that ran once: the kernel keeps it in its page cache and maps it again where it is called.
 */
import { readFileSync } from 'node:fs'

/** madvise(2): the mapping is of a file and never written, so that nothing but the mapping of its pages is lost. */
const MADV_DONTNEED = 4
const LIBRARIES = ['libc.so.6', `libc.musl-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`]

/** Best effort: false where this is not Linux as we know it. */
export async function trimMemory(): Promise<boolean> {
  try {
    const maps = executableText(readFileSync('/proc/self/maps', 'utf8'), process.execPath)
    const { dlopen } = await import('bun:ffi')
    for (const library of LIBRARIES) {
      try {
        const libc = dlopen(library, { madvise: { args: ['u64', 'u64', 'i32'], returns: 'i32' } })
        const results = maps.map(({ start, end }) => libc.symbols.madvise(start, end - start, MADV_DONTNEED))
        libc.close()
        return results.length > 0 && results.every((result) => result === 0)
      } catch {
        // The other C library, then.
      }
    }
  } catch {
    // Without it the server is as it was: it only looks larger.
  }
  return false
}

export interface Mapping {
  readonly start: bigint
  readonly end: bigint
}

/** Mappings of this file that can be executed and not written, from the text of /proc/self/maps (proc(5)). */
export function executableText(maps: string, file: string): Mapping[] {
  return maps.split('\n').flatMap((line) => {
    const [, start, end, path] =
      /^([0-9a-f]+)-([0-9a-f]+) r-xp [0-9a-f]+ \S+ [1-9]\d* +(.*)$/.exec(line) ?? []
    return path === file && start && end ? [{ start: BigInt(`0x${start}`), end: BigInt(`0x${end}`) }] : []
  })
}

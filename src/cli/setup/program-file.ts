/** The executable in its place. It is large: compared and copied by pieces. */
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { at, type Machine, step } from './plan.ts'

export const PROGRAM = '/usr/local/bin/belfry'
/** The place of a package's executable, and of the unit beside it. */
export const PACKAGED = '/usr/bin/belfry'
export const PACKAGED_UNIT = '/usr/lib/systemd/system/belfry.service'
const PIECE = 1 << 20

/** Whether it is a package's executable that is to serve: then it stays the only one, and the package updates it. */
export const isPackaged = (machine: Machine, binary: string | undefined): boolean =>
  binary === undefined && process.execPath === at(machine, PACKAGED) && existsSync(at(machine, PACKAGED_UNIT))

/** True if it was written. */
export async function installProgram(machine: Machine, binary: string | undefined): Promise<boolean> {
  const source = binary ?? process.execPath
  // Run from source there is only the runtime, which is no server; an executable has its files in itself.
  if (binary === undefined && !Bun.main.startsWith('/$bunfs/')) {
    machine.say(
      `${PROGRAM} is not written: this is run from source; name the executable by --binary dist/belfry`,
    )
    return false
  }
  const place = at(machine, PROGRAM)
  if (source === place || (existsSync(place) && isSame(source, place))) return false
  if (
    existsSync(place) &&
    !(await machine.replaces(PROGRAM, `${statSync(place).size} bytes there, ${statSync(source).size} new`))
  ) {
    machine.say(`${PROGRAM} stays as it is`)
    return false
  }
  step(machine, `copy ${source} to ${PROGRAM}`, () => {
    mkdirSync(dirname(place), { recursive: true })
    copyFileSync(source, `${place}.new`)
    chmodSync(`${place}.new`, 0o755)
    // One that runs cannot be written to, but it can be replaced.
    renameSync(`${place}.new`, place)
  })
  return true
}

function isSame(one: string, other: string): boolean {
  const files = [openSync(one, 'r'), openSync(other, 'r')]
  try {
    const [a = 0, b = 0] = files
    if (fstatSync(a).size !== fstatSync(b).size) return false
    const [left, right] = [Buffer.alloc(PIECE), Buffer.alloc(PIECE)]
    for (;;) {
      const read = readSync(a, left, 0, PIECE, null)
      if (readSync(b, right, 0, PIECE, null) !== read) return false
      if (read === 0) return true
      if (left.compare(right, 0, read, 0, read) !== 0) return false
    }
  } finally {
    files.forEach((fd) => closeSync(fd))
  }
}

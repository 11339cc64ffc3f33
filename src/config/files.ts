/** Files that the configuration names: where they are, whether they can be read, and by whom. */
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import type { Path } from './positions.ts'
import { FILE_KEYS } from './schema.ts'

export interface NamedFile {
  readonly path: Path
  readonly file: string
  readonly secret: boolean
}

/** `key_file = "apns.p8"` is a systemd credential of that name if there is one, else relative to the config file. */
export function resolveFile(name: string, directory: string, env = process.env): string {
  const credentials = env.CREDENTIALS_DIRECTORY
  if (credentials && !name.includes('/')) {
    const credential = join(credentials, name)
    if (existsSync(credential)) return credential
  }
  return isAbsolute(name) ? name : resolve(directory, name)
}

/** Replaces each file name in the parsed configuration by its full path, and lists them. */
export function resolveFiles(config: object, directory: string): NamedFile[] {
  const found: NamedFile[] = []
  // Object.entries types the values of a bare object as any; they are unknown.
  const walk = (node: object, path: Path): void => {
    for (const [key, value] of Object.entries(node) as [string, unknown][]) {
      const here = [...path, Array.isArray(node) ? Number(key) : key]
      const known = typeof value === 'string' && FILE_KEYS.find((entry) => entry.key === key)
      if (known) {
        const file = resolveFile(value, directory)
        Object.assign(node, { [key]: file })
        found.push({ path: here, file, secret: known.secret })
      } else if (typeof value === 'object' && value !== null) walk(value, here)
    }
  }
  walk(config, [])
  return found
}

/** Why a file cannot be used, with the remedy; nothing where it can. */
export function fileTrouble(file: string): string | undefined {
  try {
    if (!statSync(file).isFile()) return `${file} is not a file; name the file itself`
    accessSync(file, constants.R_OK)
    return undefined
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT') return `${file} does not exist; put it there or correct the path`
    if (code === 'EACCES') {
      return `${file} may not be read by this user; try: chown root:belfry ${file} && chmod 640 ${file}`
    }
    return `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`
  }
}

export function readableByAll(file: string): boolean {
  return (statSync(file).mode & 0o004) !== 0
}

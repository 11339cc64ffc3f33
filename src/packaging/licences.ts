/** Packages inside the executable with their licences: a macro, so that the list is there without the lock file. */
import { join } from 'node:path'
import { componentsOf } from './sbom.ts'

export interface Part {
  readonly name: string
  readonly version: string
  readonly licence: string
}

export const partsInside = (): Part[] =>
  componentsOf(join(import.meta.dir, '../../package-lock.json')).map(({ name, version, licenses }) => ({
    ...{ name, version, licence: licenses[0]?.license.name ?? 'unknown' },
  }))

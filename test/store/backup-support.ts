/** A store with a database file, and orders for backups of it. */
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { BackupOrder } from '../../src/store/backup/create.ts'
import { open, tempDir } from './support.ts'

export const NAME = 'belfry-20261130T150000Z'

export function kept() {
  const dir = tempDir()
  const { store } = open(dir.file)
  const fd = openSync(dir.file, 'r')
  const dataDir = dirname(dir.file)
  const directory = join(dataDir, 'backups')
  const order = (more: Partial<BackupOrder> = {}): BackupOrder => ({
    kind: 'backup',
    database: { file: dir.file, fd },
    ...{ data_dir: dataDir, directory, name: NAME, created: '2026-11-30T15:00:00.000Z', version: '0.1.0' },
    ...{ hosts: ['bix.org'], uploads: 'link', config: [], rate: Infinity, previous: undefined },
    ...more,
  })
  const upload = (name: string, text: string): string => {
    const file = join(dataDir, 'uploads', name.slice(0, 2), name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    return file
  }
  return {
    ...{ store, dataDir, directory, order, upload, file: dir.file, made: join(directory, NAME) },
    [Symbol.dispose]() {
      store.close()
      closeSync(fd)
      dir[Symbol.dispose]()
    },
  }
}

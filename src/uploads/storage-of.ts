/** The storage that the configuration names. */
import type { World } from '../routing/transit.ts'
import { DiskStorage } from './disk.ts'
import { S3Storage } from './s3.ts'
import type { Storage } from './storage.ts'

const storages = new WeakMap<World, Storage>()

export function storageOf(world: World): Storage {
  const known = storages.get(world)
  if (known) return known
  const { upload, data_dir } = world.config
  const made = upload.storage === 's3' ? new S3Storage(upload.s3, world.clock) : new DiskStorage(data_dir)
  storages.set(world, made)
  return made
}

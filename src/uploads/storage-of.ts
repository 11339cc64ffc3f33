/** The storage that the configuration names. */
import { perObject } from '../per-object.ts'
import type { World } from '../routing/transit.ts'
import { DiskStorage } from './disk.ts'
import { S3Storage } from './s3.ts'
import type { Storage } from './storage.ts'

export const storageOf = perObject(({ config: { upload, data_dir }, clock }: World): Storage =>
  upload.storage === 's3' ? new S3Storage(upload.s3, clock) : new DiskStorage(data_dir),
)

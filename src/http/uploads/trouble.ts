/** Statuses and words for clients where a store elsewhere has failed. */
import { getLogger } from '../../log.ts'
import type { ProblemCode } from '../problem-codes.ts'
import type { StorageError, Trouble } from '../../uploads/storage.ts'

const log = getLogger('uploads')

interface Told {
  readonly status: 502 | 503 | 507
  readonly code: ProblemCode
  readonly detail: string
}

const TOLD: Readonly<Record<Trouble, Told>> = {
  down: { status: 503, code: 'storage-down', detail: 'The store of files does not answer; try again later.' },
  refused: {
    status: 502,
    code: 'storage-refused',
    detail: 'The store of files refuses: see the log of the server.',
  },
  full: { status: 507, code: 'no-room', detail: 'The store of files is full.' },
}

/** The operator is told why. */
export function toldOf(error: StorageError, file: string): Told {
  log.error('the store of files has failed', { file, trouble: error.trouble, error })
  return TOLD[error.trouble]
}

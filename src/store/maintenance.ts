/**
 * Long work on the database that must not hold the loop: each order has a Worker of its own, with a connection of its own,
 * that ends with it.
 */
import { OutsideError } from '../log.ts'
import type { BackupOrder } from './backup/create.ts'
import type { Manifest } from './backup/manifest.ts'
import type { Step } from './backup/pace.ts'
import type { Opening, Verification } from './backup/verify.ts'
import type { DatabaseCheck } from './check.ts'

export interface VerifyOrder {
  readonly kind: 'verify'
  readonly directory: string
  readonly rate: number
  readonly opening?: Opening | undefined
}

export interface CheckOrder {
  readonly kind: 'check'
  readonly file: string
  readonly full: boolean
}

export interface VacuumOrder {
  readonly kind: 'vacuum'
  readonly file: string
}

export interface Vacuumed {
  readonly bytes_before: number
  readonly bytes: number
}

export type Order = BackupOrder | VerifyOrder | CheckOrder | VacuumOrder

export interface Results {
  backup: Manifest
  verify: Verification
  check: DatabaseCheck
  vacuum: Vacuumed
}

export type Word =
  | { readonly step: Step }
  | { readonly result: Results[keyof Results] }
  /** `outside`: it is a sentence for the operator. */
  | { readonly error: string; readonly outside: boolean }

/** `stop` ends it at once; what it was writing is left, under a name that nobody takes for whole. */
export interface Work<T> {
  readonly result: Promise<T>
  stop(): void
}

/** COMPAT(Bun, 1.4.5): beside checkpoint.ts, so that the executable has its Worker where the URL says. */
export function carryOut<K extends keyof Results>(
  order: Order & { readonly kind: K },
  told: (step: Step) => void,
): Work<Results[K]> {
  const worker = new Worker(new URL('./maintenance-worker.ts', import.meta.url).href)
  worker.unref()
  const { promise, resolve, reject } = Promise.withResolvers<Results[K]>()
  worker.onmessage = ({ data }: MessageEvent<Word>) => {
    if ('step' in data) return told(data.step)
    worker.terminate()
    // The Worker answers each kind by its own result.
    if ('result' in data) return resolve(data.result as Results[K])
    reject(data.outside ? new OutsideError(data.error) : new Error(data.error))
  }
  worker.onerror = (event) => {
    worker.terminate()
    reject(new OutsideError(`its worker ended: ${event.message}`))
  }
  worker.postMessage(order)
  return {
    result: promise,
    stop() {
      worker.terminate()
      reject(new OutsideError('it was stopped with the server'))
    },
  }
}

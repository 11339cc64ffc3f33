/** Facts about this program that its build knows. */
import { version } from '../package.json'

export const VERSION = version

/** Set by the build (packaging/build.ts); a server that runs from its sources has none. */
declare const BUILD_COMMIT: string | undefined
/** The commit that the executable was made of; null where nobody said. */
export const COMMIT: string | null =
  typeof BUILD_COMMIT === 'string' && BUILD_COMMIT !== '' ? BUILD_COMMIT : null

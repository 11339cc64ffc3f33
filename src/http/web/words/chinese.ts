/** The catalogue: Simplified Chinese for each English text that the web shows. A name between braces is a gap. */
import { ACCESS } from './access.ts'
import { AUDIT } from './audit.ts'
import { CHAT } from './chat.ts'
import { PEOPLE } from './people.ts'
import { PUSH } from './push.ts'
import { SERVER } from './server.ts'
import { SHARED } from './shared.ts'
import { UPKEEP } from './upkeep.ts'

export const CHINESE = { ...SHARED, ...PEOPLE, ...CHAT, ...PUSH, ...SERVER, ...ACCESS, ...UPKEEP, ...AUDIT }

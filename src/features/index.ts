/** THE ORDER. Hooks run from top to bottom; nothing else decides who comes first. */
import type { Config } from '../config/config.ts'
import type { Feature } from '../routing/feature.ts'
import { activity } from './activity.ts'
import { adminCommands } from './admin-commands.ts'
import { adminLists } from './admin-lists.ts'
import { announcements } from './announcements.ts'
import { archive } from './archive.ts'
import { avatars } from './avatars.ts'
import { blocking } from './blocking.ts'
import { bookmarks } from './bookmarks.ts'
import { calls } from './calls.ts'
import { caps } from './caps.ts'
import { carbons } from './carbons.ts'
import { commands } from './commands.ts'
import { contact } from './contact.ts'
import { csi } from './csi.ts'
import { disco } from './disco.ts'
import { displayed } from './displayed.ts'
import { externalServices } from './external-services.ts'
import { invites } from './invites.ts'
import { last } from './last.ts'
import { mam } from './mam.ts'
import { names } from './names.ts'
import { offline } from './offline.ts'
import { origin } from './origin.ts'
import { pep } from './pep.ts'
import { ping } from './ping.ts'
import { presence } from './presence.ts'
import { privacy } from './privacy.ts'
import { privateStorage } from './private.ts'
import { push } from './push.ts'
import { pushRegistration } from './push-registration.ts'
import { webPush } from './web-push.ts'
import { readState } from './read-state.ts'
import { register } from './register.ts'
import { rooms } from './rooms/rooms.ts'
import { roster } from './roster.ts'
import { session } from './session.ts'
import { sm } from './sm/sm.ts'
import { streamLimits } from './stream-limits.ts'
import { subscriptions } from './subscriptions.ts'
import { time } from './time.ts'
import { upload } from './upload.ts'
import { redelivery } from '../routing/redelivery.ts'
import { vcardAvatars } from './vcard-avatars.ts'
import { vcard } from './vcard.ts'
import { vcard4 } from './vcard4.ts'
import { version } from './version.ts'

export const features = (config: Config): Feature[] => [
  blocking, // first: who is blocked leaves no trace
  origin, // before the rest: what was taken before goes no further
  invites, // before subscriptions: a request with a token of ours is granted
  vcardAvatars, // before presence: what is remembered and told has the hash
  subscriptions, // before presence: it decides who may see what
  presence, // before offline: a phone is available before it catches up
  activity, // after presence: what it says of its person is known
  pep, // after presence: a client that appears hears what is new
  displayed, // before carbons and archive: what it takes out of a message is for the server only
  carbons, // before archive: the private mark is for the server only
  archive, // before delivery: the recipient's copy carries its id
  csi, // before what counts as written: what it holds is not
  redelivery, // before offline: a sign of life makes room for the next page
  offline, // what nobody took
  readState, // before push: what was read is not rung for
  push, // after offline: the badge counts the message that rings
  announcements, // after presence: a client that appears hears what its host has to say
  last, // after presence: a session that closes has said its last status
  calls, // after push: what has rung is known
  pushRegistration(config),
  webPush(config),
  rooms(config),
  upload(config),
  roster,
  mam,
  disco,
  contact(config),
  externalServices(config),
  caps,
  vcard,
  avatars,
  vcard4,
  privateStorage,
  names,
  bookmarks,
  privacy,
  register,
  commands,
  adminCommands,
  adminLists,
  ping,
  time,
  version,
  session,
  streamLimits,
  sm, // last: what it sends is counted
]

/** [muc]: rooms (XEP-0045). */
import { z } from 'zod'
import { prepareDomain } from '../xmpp/jid.ts'
import { between, duration } from './values.ts'

/** Stands for each host in turn. */
export const HOST = '{host}'

export const roomDomain = ({ host: template }: { readonly host: string }, host: string): string =>
  template.replaceAll(HOST, host)

/** Whether it is a domain once the host stands in it. */
export const isTemplate = (text: string): boolean => {
  try {
    prepareDomain(text.replaceAll(HOST, 'example.org'))
    return true
  } catch {
    return false
  }
}

const defaults = z.strictObject({
  public: z.boolean().default(true).describe('Listed by its service.'),
  persistent: z.boolean().default(false).describe('Stays when its last occupant leaves.'),
  members_only: z.boolean().default(false).describe('Open to its members alone.'),
  moderated: z.boolean().default(false).describe('Who is no member has to be given voice.'),
  non_anonymous: z
    .boolean()
    .default(true)
    .describe('Everybody in it sees the addresses of the others; false: moderators alone.'),
  archive: z.boolean().default(true).describe('Keeps what is said, for who was away (XEP-0313).'),
  allow_subscription: z
    .boolean()
    .default(true)
    .describe('Accounts may have its messages sent without joining (MucSub of ejabberd).'),
})

export const muc = z.strictObject({
  enabled: z.boolean().default(true).describe('false: there are no rooms.'),
  host: z
    .string()
    .refine(isTemplate, { error: `not a domain such as "conference.${HOST}"` })
    .default(`conference.${HOST}`)
    .describe(`The domain of a host’s rooms; ${HOST} stands for the host.`),
  create: z
    .enum(['local', 'admins', 'anyone'])
    .default('local')
    .describe('Who may make rooms: accounts of this server, its admins, or whoever can reach it.'),
  legacy_join: z
    .boolean()
    .default(false)
    .describe(
      'Presence without <x/> from who is not in a room joins it, as on ejabberd; else it is told to join anew.',
    ),
  list_hidden_to_members: z
    .boolean()
    .default(false)
    .describe('The list of rooms shows a hidden room to those who belong to it; to nobody else in any case.'),
  refuse_lookalike_nicks: z
    .boolean()
    .default(true)
    .describe(
      'Nobody comes in under a nick that people would take for another’s in the room, or kept there (UTS #39).',
    ),
  configure_within: duration('10s').describe(
    'A new room is open to its maker alone until he has configured it, and as it is to all once he has not asked to for ' +
      'this long; "0s" = for ever closed.',
  ),
  tombstone: duration('31d').describe(
    'For how long who comes to a destroyed room hears that it is gone; only the owner who ended it can make it anew before, ' +
      'by submitting a configuration, or by entering with the client that ended it. "0s" = not at all.',
  ),
  tell_removed: z
    .boolean()
    .default(true)
    .describe('Whoever is removed from a room by somebody else is sent a message that rings.'),
  history: between(0, 250, 20).describe('Messages of before that a room shows at a join, at most 250.'),
  defaults: defaults.prefault({}).describe('Of new rooms, until their owners say otherwise.'),
})

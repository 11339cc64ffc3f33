/**
 * The settings of a room as a form (XEP-0045 §10.2, §15.5.3), field by field: the names of the registry, then those that
 * ejabberd's clients know, and one of Prosody's.
 */
import type { Config } from '../config/config.ts'
import type { Role, RoomSettings } from '../store/rooms.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { type Field, type FormValues, writeForm } from '../xmpp/forms.ts'
import type { Element } from '../xmpp/xml.ts'

export const ROOM_CONFIG = 'http://jabber.org/protocol/muc#roomconfig'

const ROLES: readonly Role[] = ['moderator', 'participant', 'visitor']
/** Characters of a name or a password, and of a description. */
const LONGEST = { name: 255, description: 4096 }

/** One field: how it is shown, and what its values make of the settings. */
interface SettingField {
  readonly name: string
  readonly type: string
  readonly label: string
  readonly options?: readonly string[]
  show(settings: RoomSettings): string[]
  /** @throws StanzaError not-acceptable */
  read(values: readonly string[], most: number): Partial<RoomSettings>
  /** Understood where it is sent, never shown: another name of a field that is. */
  readonly alias?: true
}

type KeysOf<T> = { [K in keyof RoomSettings]: RoomSettings[K] extends T ? K : never }[keyof RoomSettings]

const refused = (name: string, why: string): StanzaError =>
  new StanzaError('not-acceptable', `${name}: ${why}`)

function boolean(key: KeysOf<boolean>, name: string, label: string): SettingField {
  return {
    name,
    type: 'boolean',
    label,
    show: (settings) => [settings[key] ? '1' : '0'],
    read: ([value = '0']) => {
      if (!['0', '1', 'true', 'false'].includes(value)) throw refused(name, 'neither true nor false.')
      return { [key]: value === '1' || value === 'true' }
    },
  }
}

function line(key: 'name' | 'lang' | 'pubsub', name: string, label: string): SettingField {
  return {
    name,
    type: 'text-single',
    label,
    show: (settings) => [settings[key]],
    read: ([value = '']) => ({ [key]: short(name, value, LONGEST.name) }),
  }
}

function short(name: string, value: string, most: number): string {
  if (value.length > most) throw refused(name, `longer than ${most} characters.`)
  return value.trim()
}

function roles(key: 'presenceOf' | 'memberListFor', name: string, label: string): SettingField {
  return {
    name,
    type: 'list-multi',
    label,
    options: ROLES,
    show: (settings) => [...settings[key]],
    read: (values) => {
      const known = ROLES.filter((role) => values.includes(role))
      if (known.length < new Set(values).size) throw refused(name, 'not a role.')
      return { [key]: known }
    },
  }
}

function number(key: KeysOf<number>, name: string, label: string): SettingField {
  return {
    name,
    type: 'text-single',
    label,
    show: (settings) => [String(settings[key])],
    read: ([value = '']) => {
      if (!/^\d{1,9}$/.test(value)) throw refused(name, 'not a number.')
      return { [key]: Number(value) }
    },
  }
}

const ALLOW_PM = ['anyone', 'participants', 'moderators', 'none'] as const

/** ejabberd's name for `allowPm` has more values of which these are the same. */
const allowPm = (name: string, label: string): SettingField => ({
  name,
  type: 'list-single',
  label,
  options: ALLOW_PM,
  show: ({ allowPm: value }) => [value],
  read: ([value]) => {
    const known = ALLOW_PM.find((one) => one === value)
    if (!known) throw refused(name, `one of ${ALLOW_PM.join(', ')}.`)
    return { allowPm: known }
  },
})

const FIELDS: readonly SettingField[] = [
  line('name', 'muc#roomconfig_roomname', 'Name'),
  {
    name: 'muc#roomconfig_roomdesc',
    type: 'text-single',
    label: 'Description',
    show: ({ description }) => [description],
    read: ([value = '']) => ({ description: short('muc#roomconfig_roomdesc', value, LONGEST.description) }),
  },
  line('lang', 'muc#roomconfig_lang', 'Language of the discussion'),
  boolean('logging', 'muc#roomconfig_enablelogging', 'Anybody may read what was said, without joining'),
  boolean('changeSubject', 'muc#roomconfig_changesubject', 'Occupants may change the subject'),
  boolean('allowInvites', 'muc#roomconfig_allowinvites', 'Members may invite'),
  allowPm('muc#roomconfig_allowpm', 'Who may send private messages'),
  {
    name: 'muc#roomconfig_maxusers',
    type: 'list-single',
    label: 'Most occupants',
    options: ['10', '20', '30', '50', '100', '200', '500', '1000', 'none'],
    show: ({ maxUsers }) => [maxUsers === 0 ? 'none' : String(maxUsers)],
    read: ([value = ''], most) => {
      if (value === 'none' || value === '') return { maxUsers: 0 }
      const wanted = /^[1-9]\d{0,6}$/.test(value) ? Number(value) : 0
      if (wanted === 0) throw refused('muc#roomconfig_maxusers', 'not a number.')
      return { maxUsers: wanted > most ? 0 : wanted }
    },
  },
  boolean('public', 'muc#roomconfig_publicroom', 'Listed for everybody'),
  boolean('persistent', 'muc#roomconfig_persistentroom', 'Stays when nobody is in it'),
  boolean('moderated', 'muc#roomconfig_moderatedroom', 'Moderated: newcomers must be given voice'),
  boolean('membersOnly', 'muc#roomconfig_membersonly', 'Members only'),
  {
    name: 'muc#roomconfig_passwordprotectedroom',
    type: 'boolean',
    label: 'A password is needed to enter',
    show: ({ password }) => [password === '' ? '0' : '1'],
    // The password itself is the next field; `readSettings` looks at both.
    read: () => ({}),
  },
  {
    name: 'muc#roomconfig_roomsecret',
    type: 'text-private',
    label: 'The password',
    show: ({ password }) => [password],
    read: ([value = '']) => {
      if (value.length > LONGEST.name) throw refused('muc#roomconfig_roomsecret', 'too long.')
      return { password: value }
    },
  },
  {
    name: 'muc#roomconfig_whois',
    type: 'list-single',
    label: 'Who sees the addresses of occupants',
    options: ['moderators', 'anyone'],
    show: ({ nonAnonymous }) => [nonAnonymous ? 'anyone' : 'moderators'],
    read: ([value]) => {
      if (value !== 'anyone' && value !== 'moderators')
        throw refused('muc#roomconfig_whois', 'one of moderators, anyone.')
      return { nonAnonymous: value === 'anyone' }
    },
  },
  roles('presenceOf', 'muc#roomconfig_presencebroadcast', 'Roles whose presence everybody hears'),
  roles('memberListFor', 'muc#roomconfig_getmemberlist', 'Roles that may ask for the list of members'),
  number('history', 'muc#maxhistoryfetch', 'Messages of before that are shown at a join'),
  line('pubsub', 'muc#roomconfig_pubsub', 'A pubsub node that belongs to it'),
  boolean('newcomersSpeak', 'members_by_default', 'In a moderated room newcomers may speak'),
  boolean('publicList', 'public_list', 'Its occupants can be listed from outside'),
  boolean('allowQueries', 'allow_query_users', 'Occupants may send queries to each other'),
  boolean('visitorStatus', 'allow_visitor_status', 'Visitors may say a status'),
  boolean('visitorNickChange', 'allow_visitor_nickchange', 'Visitors may change their nick'),
  boolean('voiceRequests', 'allow_voice_requests', 'Visitors may ask for voice'),
  number('voiceRequestInterval', 'voice_request_min_interval', 'Seconds between two such requests'),
  boolean('subscriptions', 'allow_subscription', 'Its messages can be had without joining'),
  boolean('archived', 'mam', 'Keeps what is said'),
  { ...allowPm('allow_private_messages', ''), alias: true, read: privateMessages },
  { ...boolean('changeSubject', 'allow_change_subj', ''), alias: true },
  { ...boolean('allowInvites', 'allow_user_invites', ''), alias: true },
  {
    ...boolean('allowInvites', '{http://prosody.im/protocol/muc}roomconfig_allowmemberinvites', ''),
    alias: true,
  },
]

/** ejabberd: a boolean, later a list. */
function privateMessages([value = '']: readonly string[]): Partial<RoomSettings> {
  if (value === '1' || value === 'true') return { allowPm: 'anyone' }
  if (value === '0' || value === 'false') return { allowPm: 'none' }
  return allowPm('allow_private_messages', '').read([value], 0)
}

/** The settings of a new room. */
export function newSettings({ muc }: Config): RoomSettings {
  const { defaults } = muc
  return {
    name: '',
    description: '',
    lang: '',
    persistent: defaults.persistent,
    public: defaults.public,
    membersOnly: defaults.members_only,
    moderated: defaults.moderated,
    nonAnonymous: defaults.non_anonymous,
    password: '',
    maxUsers: 0,
    changeSubject: false,
    allowInvites: false,
    allowPm: 'anyone',
    logging: false,
    archived: defaults.archive,
    presenceOf: ROLES,
    memberListFor: ROLES,
    newcomersSpeak: false,
    publicList: defaults.public,
    allowQueries: true,
    visitorStatus: true,
    visitorNickChange: true,
    voiceRequests: true,
    voiceRequestInterval: 1800,
    subscriptions: defaults.allow_subscription,
    history: muc.history,
    pubsub: '',
  }
}

/**
 * Settings as a submitted form makes them: fields that are not known, or not there, change nothing. One bad value
 * refuses all of it. @throws StanzaError not-acceptable
 */
export function readSettings(values: FormValues, before: RoomSettings, mostOccupants: number): RoomSettings {
  let settings = before
  for (const field of FIELDS) {
    const given = values.get(field.name)
    if (given) settings = { ...settings, ...field.read(given, mostOccupants) }
  }
  const wanted = values.get('muc#roomconfig_passwordprotectedroom')?.[0]
  if (wanted === '0' || wanted === 'false') return { ...settings, password: '' }
  // §10.1.3: a blank password violates the policy of every service.
  if ((wanted === '1' || wanted === 'true') && settings.password === '')
    throw refused('muc#roomconfig_roomsecret', 'a password is needed.')
  return settings
}

/** The form of §10.2, filled in; `lists`: who the owners and admins are. */
export function settingsForm(settings: RoomSettings, lists: readonly Field[], title: string): Element {
  const fields = FIELDS.filter(({ alias }) => !alias).map((field) => {
    const { name, type, label, options } = field
    const values = field.show(settings)
    // A list field offers what it holds.
    const offered = options && [...new Set([...options, ...values])]
    return { name, type, label, values, ...(offered && { options: offered }) }
  })
  return writeForm('form', ROOM_CONFIG, [...fields, ...lists], title)
}

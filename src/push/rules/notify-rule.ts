/** Wishes of an account for notifications of one chat (XEP-0492), as its clients keep it with the bookmark. */
import type { Account } from '../../store/accounts.ts'
import type { ReadStore } from '../../store/tx.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { payloadOf } from '../../xmpp/stored.ts'
import { child, type Element, elements } from '../../xmpp/xml.ts'

const SETTINGS = 'urn:xmpp:notification-settings:1'
/** COMPAT(Movim and others): written by clients of the first version (0.1), and read where there is no newer one. */
const OLD_SETTINGS = 'urn:xmpp:notification-settings:0'
const RULES = ['always', 'on-mention', 'never'] as const

export type NotifyRule = (typeof RULES)[number]

/**
 * The rule for a phone, since it is phones that are pushed to; undefined where nothing is set, which means `always`
 * for a person and a private room, and `on-mention` for a public one (§3). `chat` is a prepared bare JID.
 */
export function notifyRule(store: ReadStore, account: Account, chat: string): NotifyRule | undefined {
  const conference = payloadOf(store.pep.item(account, NS.bookmarks, chat))
  const extensions = conference && child(conference, 'extensions')
  const notify =
    extensions && (child(extensions, 'notify', SETTINGS) ?? child(extensions, 'notify', OLD_SETTINGS))
  return notify && readNotify(notify)
}

/** §3: the most specific one that matches; of several alike the first. */
function readNotify(notify: Element): NotifyRule | undefined {
  const found = [2, 1, 0].map((exactness) =>
    elements(notify).find((el) => ruleOf(el) && matches(el, exactness)),
  )
  const el = found.find((candidate) => candidate !== undefined)
  return el && ruleOf(el)
}

function ruleOf({ name, attrs }: Element): NotifyRule | undefined {
  return attrs.xmlns === undefined ? RULES.find((rule) => rule === name) : undefined
}

/** 2: this kind of client, 1: any client, 0: whoever. */
function matches({ attrs }: Element, exactness: number): boolean {
  const { 'identity-category': category, 'identity-type': type } = attrs
  if (exactness === 2) return category === 'client' && type === 'phone'
  return type === undefined && category === (exactness === 1 ? 'client' : undefined)
}

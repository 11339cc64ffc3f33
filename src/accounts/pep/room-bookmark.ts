/** Bookmarks of rooms that the server itself writes (XEP-0402): of groups that a program makes, and of rooms that end. */
import { getLogger } from '../../log.ts'
import type { Trip } from '../../routing/transit.ts'
import type { Account } from '../../store/accounts.ts'
import { type Bookmark, readBookmark, writeBookmark } from '../../xmpp/bookmarks.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { payloadOf } from '../../xmpp/stored.ts'
import { makePrivate } from './bookmark-sync.ts'
import { publishAs } from './publish.ts'

const log = getLogger('accounts')

export interface RoomBookmark {
  /** Bare JID of the room. */
  readonly room: string
  readonly name?: string | undefined
  readonly nick?: string | undefined
  readonly password?: string | undefined
}

/**
 * Bookmarks a room, to be entered at every login. What the account's own clients have written of it stays: the name, the
 * nick, and all extensions. False where the account may keep no more.
 */
export function bookmarkRoom(t: Trip, owner: Account, { room, name, nick, password }: RoomBookmark): boolean {
  const before = bookmarkOf(t, owner, room)
  return write(t, owner, room, {
    name: before?.name ?? name,
    autojoin: true,
    nick: before?.nick ?? nick,
    password: password ?? before?.password,
    extensions: before?.extensions ?? [],
  })
}

/** The room is not entered by itself any more; the bookmark stays, for whatever its owner keeps with it. */
export function stopAutojoin(t: Trip, owner: Account, room: string): void {
  const before = bookmarkOf(t, owner, room)
  if (before?.autojoin) write(t, owner, room, { ...before, autojoin: false })
}

function bookmarkOf(t: Trip, owner: Account, room: string): Bookmark | undefined {
  const payload = payloadOf(t.store.pep.item(owner, NS.bookmarks, room))
  return payload && readBookmark(payload)
}

/** A part of the trip: whoever belongs to a room does so with a full store of bookmarks, too. */
function write(t: Trip, owner: Account, room: string, bookmark: Bookmark): boolean {
  const emitted = t.emitted.length
  try {
    t.store.turn.part(() => {
      makePrivate(t, owner, NS.bookmarks)
      publishAs(t, owner, NS.bookmarks, { id: room, payload: writeBookmark(bookmark) })
    })
    return true
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error
    t.emitted.length = emitted
    log.info('a room is not bookmarked', { account: owner.jid, room, error })
    return false
  }
}

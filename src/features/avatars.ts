/**
 * User Avatars (XEP-0084) and the pictures of vCards are one (XEP-0398 §3): whichever a client sets, the other
 * follows, so that new and old clients see the same face.
 */
import { getLogger } from '../log.ts'
import type { Feature } from '../routing/feature.ts'
import { publishFor } from '../accounts/pep/publish.ts'
import type { Trip } from '../routing/transit.ts'
import { putVcard, readVcard } from '../accounts/vcard.ts'
import type { Account } from '../store/accounts.ts'
import {
  AVATAR_DATA,
  AVATAR_METADATA,
  dataElement,
  emptyCard,
  isDisabled,
  metadataElement,
  ownPictures,
  readPhoto,
  withPhoto,
} from '../xmpp/avatar.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { noPicture, type Photo, readPicture } from '../xmpp/picture.ts'
import { option } from '../xmpp/pubsub.ts'
import { payloadOf } from '../xmpp/stored.ts'
import type { Element } from '../xmpp/xml.ts'

const log = getLogger('avatars')

/** A vCard is there for everyone (XEP-0054 §3.3), so what is made of it may be as well. */
const OPEN = { access_model: ['open'] }

export const avatars: Feature = {
  name: 'avatars',
  xeps: [
    { number: 84, version: '1.1.4' },
    { number: 398, version: '1.0.0' },
  ],
  disco: { account: ['urn:xmpp:pep-vcard-conversion:0'] },

  /** A vCard of a version that published no pictures: once, since from then on there are metadata. */
  opened(t, { account }) {
    if (isUnseen(t, account)) t.soon((later) => showOld(later, account))
  },

  /** XEP-0398 §3.1; data that come behind their metadata complete the avatar as well. */
  published(t, owner, { node, config, item }) {
    if (node !== AVATAR_METADATA && !(node === AVATAR_DATA && item)) return
    const metadata = node === AVATAR_METADATA && item ? item.payload : lastMetadata(t, owner)
    let photo: Photo | undefined
    // One that is switched off goes from everywhere, whoever might see it.
    if (metadata && !isDisabled(metadata)) {
      // §7: what only contacts may see must not enter the vCard.
      const data = t.store.pep.node(owner, AVATAR_DATA)?.config ?? config
      if (option(data, 'access_model') !== 'open') return
      photo = pictureOf(t, owner, metadata)
      if (!photo) return
    } else if (node === AVATAR_DATA) return
    if ((photo?.hash ?? '') === (t.store.accounts.photo(owner) ?? '')) return
    putVcard(t, owner, withPhoto(readVcard(t, owner) ?? emptyCard(), photo), 'avatars')
  },

  /** XEP-0398 §3.2 */
  vcardChanged(t, owner, { photo, before }) {
    const metadata = lastMetadata(t, owner)
    const [current] = metadata ? ownPictures(metadata) : []
    if (photo) {
      if (current?.id !== photo.hash || !t.store.pep.item(owner, AVATAR_DATA, photo.hash))
        show(t, owner, photo)
    } else if (before !== '' && current?.id === before) {
      const id = t.world.random.uuid()
      publishFor(t, owner, AVATAR_METADATA, OPEN, { id, payload: metadataElement() })
    }
  },
}

/** The vCard has something for a picture, and nothing was ever made of it. */
function isUnseen({ store }: Trip, owner: Account): boolean {
  if (store.accounts.photo(owner) !== '' || store.pep.node(owner, AVATAR_METADATA)) return false
  return store.accounts.vcard(owner)?.includes('PHOTO') === true
}

/** One that is no picture is told to be none, so that nobody looks again; one for which there is no room waits for it. */
function showOld(t: Trip, owner: Account): void {
  const card = isUnseen(t, owner) ? readVcard(t, owner) : undefined
  if (!card) return
  const emitted = t.emitted.length
  try {
    t.store.turn.part(() => {
      if (readPhoto(card)) putVcard(t, owner, card)
      else publishFor(t, owner, AVATAR_METADATA, OPEN, { id: t.freshId(), payload: metadataElement() })
    })
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error
    t.emitted.length = emitted
    log.debug('an old picture is not published', { account: owner.jid, error })
  }
}

function show(t: Trip, owner: Account, photo: Photo): void {
  publishFor(t, owner, AVATAR_DATA, OPEN, { id: photo.hash, payload: dataElement(photo) })
  publishFor(t, owner, AVATAR_METADATA, OPEN, { id: photo.hash, payload: metadataElement(photo) })
}

function lastMetadata(t: Trip, owner: Account): Element | undefined {
  return payloadOf(t.store.pep.last(owner, AVATAR_METADATA))
}

/**
 * The first picture of the metadata that is there; one in another spelling or under another id than its hash is
 * published anew as it should be. @throws StanzaError for what is no picture: other forms could not show it.
 */
function pictureOf(t: Trip, owner: Account, metadata: Element): Photo | undefined {
  for (const { id, type } of ownPictures(metadata)) {
    const data = payloadOf(t.store.pep.item(owner, AVATAR_DATA, id))
    if (!data) continue
    const photo = readPicture(data.getText(), type)
    if (!photo) throw noPicture()
    if (id !== photo.hash || data.getText().replace(/\s+/g, '') !== photo.base64) show(t, owner, photo)
    return photo
  }
  return undefined
}

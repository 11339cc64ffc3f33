/**
 * User Avatars (XEP-0084) and the pictures of vCards are one (XEP-0398 §3): whichever a client sets, the other
 * follows, so that new and old clients see the same face.
 */
import type { Feature } from '../routing/feature.ts'
import { publishFor } from '../routing/pep-publish.ts'
import type { Trip } from '../routing/transit.ts'
import { putVcard, readVcard } from '../routing/vcard.ts'
import type { Account } from '../store/accounts.ts'
import {
  AVATAR_DATA,
  AVATAR_METADATA,
  dataElement,
  emptyCard,
  isDisabled,
  metadataElement,
  ownPicture,
  type Photo,
  readImage,
  withPhoto,
} from '../xmpp/avatar.ts'
import { option } from '../xmpp/pubsub.ts'
import { payloadOf } from '../xmpp/stored.ts'
import type { Element } from '../xmpp/xml.ts'

/** A vCard is there for everyone (XEP-0054 §3.3), so what is made of it may be as well. */
const OPEN = { access_model: ['open'] }

export const avatars: Feature = {
  name: 'avatars',
  xeps: [
    { number: 84, version: '1.1.4' },
    { number: 398, version: '1.0.0' },
  ],
  disco: { account: ['urn:xmpp:pep-vcard-conversion:0'] },

  /** XEP-0398 §3.1 */
  published(t, owner, { node, config, item }) {
    if (node !== AVATAR_METADATA) return
    const metadata = item?.payload ?? lastMetadata(t, owner)
    let photo: Photo | undefined
    // One that is switched off goes from everywhere, whoever might see it.
    if (metadata && !isDisabled(metadata)) {
      // §7: what only contacts may see must not enter the vCard.
      const data = t.store.pep.node(owner, AVATAR_DATA)?.config ?? config
      if (option(data, 'access_model') !== 'open') return
      photo = pictureOf(t, owner, metadata)
      if (!photo) return
    }
    if ((photo?.hash ?? '') === (t.store.accounts.photo(owner) ?? '')) return
    putVcard(t, owner, withPhoto(readVcard(t, owner) ?? emptyCard(), photo), 'avatars')
  },

  /** XEP-0398 §3.2 */
  vcardChanged(t, owner, { photo, before }) {
    const metadata = lastMetadata(t, owner)
    const current = metadata && ownPicture(metadata)
    if (photo) {
      if (photo.type === undefined || current === photo.hash) return
      publishFor(t, owner, AVATAR_DATA, OPEN, { id: photo.hash, payload: dataElement(photo) })
      publishFor(t, owner, AVATAR_METADATA, OPEN, { id: photo.hash, payload: metadataElement(photo) })
    } else if (before !== '' && current === before) {
      const id = t.world.random.uuid()
      publishFor(t, owner, AVATAR_METADATA, OPEN, { id, payload: metadataElement() })
    }
  },
}

function lastMetadata(t: Trip, owner: Account): Element | undefined {
  return payloadOf(t.store.pep.last(owner, AVATAR_METADATA))
}

/** The picture that the metadata name: only if it is one, and the one whose hash they say. */
function pictureOf(t: Trip, owner: Account, metadata: Element): Photo | undefined {
  const id = ownPicture(metadata)
  const data = id === undefined ? undefined : payloadOf(t.store.pep.item(owner, AVATAR_DATA, id))
  const photo = data && readImage(data.getText())
  return photo?.type !== undefined && photo.hash === id?.toLowerCase() ? photo : undefined
}

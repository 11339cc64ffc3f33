/**
 * vCard4 over XMPP (XEP-0292): published under one node and kept the same as the vcard-temp of the account, so that
 * either kind of client sees what the other has written.
 */
import type { Feature } from '../routing/feature.ts'
import { publishFor } from '../accounts/pep/publish.ts'
import { putVcard, readVcard } from '../accounts/vcard.ts'
import { noPicture } from '../xmpp/picture.ts'
import { option } from '../xmpp/pubsub.ts'
import { payloadOf } from '../xmpp/stored.ts'
import { hasPicture, pictureIn, toVcard4, toVcardTemp, VCARD4 } from '../xmpp/vcard4.ts'
import { elements } from '../xmpp/xml.ts'
import { NS } from '../xmpp/namespaces.ts'

export const vcard4: Feature = {
  name: 'vcard4',
  xeps: [{ number: 292, version: '0.12.0', note: 'kept the same as vcard-temp' }],
  disco: { server: [VCARD4], account: [VCARD4] },

  published(t, owner, { node, config, item }) {
    if (node !== NS.vcard4 || !item) return
    // Everyone may read a vcard-temp: what is for some must not enter it.
    if (option(config, 'access_model') !== 'open') return
    if (item.payload.name !== 'vcard' || item.payload.attrs.xmlns !== VCARD4) return
    if (hasPicture(item.payload) && !pictureIn(item.payload)) throw noPicture()
    const before = readVcard(t, owner)
    const card = toVcardTemp(item.payload, before)
    if (card.toString() !== before?.toString()) putVcard(t, owner, card, 'vcard4')
  },

  vcardChanged(t, owner, { card, by }) {
    if (by === 'vcard4') return
    const last = t.store.pep.last(owner, NS.vcard4)
    const old = payloadOf(last)
    // A new picture alone concerns only a card that holds one.
    if (by === 'avatars' && !(old && hasPicture(old))) return
    const payload = toVcard4(card, old)
    if (payload.toString() === last?.xml || (!old && elements(payload).length === 0)) return
    const id = last?.id ?? 'current'
    publishFor(t, owner, NS.vcard4, { access_model: ['open'] }, { id, payload })
  },
}

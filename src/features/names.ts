/** Names of accounts for the titles of pushes (push/schedule/names.ts): the nick (XEP-0172), the vCard, the picture. */
import { forgetNames } from '../push/schedule/names.ts'
import type { Feature } from '../routing/feature.ts'
import { AVATAR_METADATA } from '../xmpp/avatar.ts'
import { NS } from '../xmpp/namespaces.ts'

export const names: Feature = {
  name: 'names',
  xeps: [],

  published(t, owner, { node }) {
    if (node === NS.nick || node === AVATAR_METADATA) forgetNames(t, owner)
  },

  vcardChanged(t, owner) {
    forgetNames(t, owner)
  },
}

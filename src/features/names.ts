/** User Nickname (XEP-0172): what an account calls itself, for the titles of pushes (push/schedule/names.ts). */
import { forgetNames } from '../push/schedule/names.ts'
import type { Feature } from '../routing/feature.ts'
import { NS } from '../xmpp/namespaces.ts'

export const names: Feature = {
  name: 'names',
  xeps: [],

  published(t, owner, { node }) {
    if (node === NS.nick) forgetNames(t, owner)
  },

  vcardChanged(t, owner) {
    forgetNames(t, owner)
  },
}

/** The name of the sender for a push's title: recipient's contact, published nick, vCard, within the server's own process. */
import { nameFor } from '../../src/push/schedule/names.ts'
import { Jid } from '../../src/xmpp/jid.ts'
import { play } from '../support/world.ts'
import type { Bench } from './bench.ts'
import { addAccounts } from './people.ts'

const SENDERS = 1_000
const LOOKS = 20_000
const ROUNDS = 7

export const namesBench: Bench = {
  name: 'names',
  what: `the sender's name for a push, one of ${SENDERS} contacts with a name of the recipient's and as many strangers with a vCard`,
  async run() {
    using p = play()
    await p.account('juliet@bix.org')
    const { raw } = p.store.db
    for (const prefix of ['contact', 'stranger']) addAccounts(raw, prefix, SENDERS, 'bix.org')
    const samples = new Map<string, number[]>()
    await p.router.run((t) => {
      const juliet = t.store.accounts.find('juliet@bix.org')
      if (!juliet) throw new Error('there is no juliet')
      for (let i = 1; i <= SENDERS; i++) {
        t.store.contacts.put(juliet, {
          jid: `contact${i}@bix.org`,
          name: `Contact ${i}`,
          subscription: 'both',
          ask: false,
          pending: null,
          approved: false,
          listed: true,
          groups: [],
        })
        const stranger = t.store.accounts.find(`stranger${i}@bix.org`)
        if (stranger)
          t.store.accounts.setVcard(stranger, `<vCard xmlns="vcard-temp"><FN>Stranger ${i}</FN></vCard>`, '')
      }
    })
    for (let round = 0; round <= ROUNDS; round++)
      for (const prefix of ['contact', 'stranger'])
        await p.router.run((t) => {
          const juliet = t.store.accounts.find('juliet@bix.org')
          if (!juliet) return
          const from = Array.from({ length: SENDERS }, (_, i) => Jid.parse(`${prefix}${i + 1}@bix.org`))
          const before = performance.now()
          for (let i = 0; i < LOOKS; i++) nameFor(t, juliet, from[i % SENDERS] ?? from[0]!)
          const each = ((performance.now() - before) * 1_000) / LOOKS
          // The first round reads, and compiles.
          if (round > 0) samples.set(prefix, [...(samples.get(prefix) ?? []), each])
        })
    return [
      { figure: 'a contact with a name', unit: 'µs', samples: samples.get('contact') ?? [], limit: 3 },
      { figure: 'a stranger with a vCard', unit: 'µs', samples: samples.get('stranger') ?? [], limit: 3 },
    ]
  },
}

/** Another server, at remote.example, as far as plays need it. */
import { Jid } from '../../src/xmpp/jid.ts'
import { Stanza } from '../../src/xmpp/stanza.ts'
import { type Element, xml } from '../../src/xmpp/xml.ts'
import { settle } from '../support/phones.ts'
import { type Play, type PlayOptions, play } from '../support/world.ts'

export const FRED = 'fred@remote.example/work'

export interface Remote extends Disposable {
  readonly p: Play
  /** Stanzas that were sent to it. */
  readonly got: Element[]
  /** Fred sends something. */
  says(
    kind: 'message' | 'presence' | 'iq',
    to: string,
    attrs: Record<string, string>,
    ...children: Element[]
  ): Promise<void>
}

export function remote(options: PlayOptions = {}): Remote {
  const p = play(options)
  const got: Element[] = []
  const before = p.world.homes
  p.world.homes = {
    of: (jid) => before.of(jid),
    send(t, to) {
      const { el } = t.stanza
      t.after(() => got.push(to.domain === 'remote.example' ? el : xml('lost')))
    },
  }
  return {
    p,
    got,
    async says(kind, to, attrs, ...children) {
      await p.router.receive(Stanza.make(kind, Jid.parse(FRED), Jid.parse(to), attrs, ...children))
      await settle(p)
    },
    [Symbol.dispose]: () => p[Symbol.dispose](),
  }
}

/** Whose archive has a message with whom. */
export const archive = (p: Play) =>
  p.store.db.raw
    .query<{ jid: string; peer: string }, []>(
      'SELECT jid, peer FROM archive JOIN accounts ON accounts.id = account_id ORDER BY archive.id',
    )
    .all()
    .map(({ jid, peer }) => `${jid} ${peer}`)

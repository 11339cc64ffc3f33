/** What has to become of a message of a random story, by what its server has to know when it is sent. */
import { type Life, type Person, takes } from './delivery-client.ts'
import type { Copied, Kind } from './delivery-words.ts'

export interface Sent {
  readonly key: string
  readonly n: number
  readonly kind: Kind
  readonly from: Life
  readonly to: Person
  /** Condition of the error that its sender has to hear; undefined where it is accepted. */
  refusal: string | undefined
  /** The sessions that have to get the message itself, and copies of it. */
  readonly itself: readonly Life[]
  readonly copies: Readonly<Record<Copied, readonly Life[]>>
  /** Sessions that did not take messages when it was sent. */
  readonly shut: ReadonlySet<Life>
  readonly archivedBy: readonly Person[]
  /** The first act in which a client showed that it has it. */
  shownIn: number | undefined
  /** Only memory had it when the server crashed (ARCHITECTURE.md), or a disk failed before it was shown. */
  doubtful: boolean
  /** Whether a restart has come behind it. */
  restarted: boolean
}

export interface Ways {
  readonly person: Person
  /** Every session of the account that is not over. */
  readonly lives: readonly Life[]
}

/** What only the recipient's side refuses: the message is kept and copied like any other that its sender sent. */
const BOUNCED = 'service-unavailable'

/** Whether its sender's archive may have it: not what its own side refused, or a disk. */
export const isSent = ({ refusal }: Sent): boolean => refusal === undefined || refusal === BOUNCED

/** RFC 6121 §8.5, XEP-0191 §3.4, XEP-0280 §6 to §8, XEP-0313 §5. */
export function truthOf(
  { key, n, kind }: Pick<Sent, 'key' | 'n' | 'kind'>,
  from: Life,
  sender: Ways,
  recipient: Ways,
  resource: string | undefined,
): Sent {
  const { person: to } = recipient
  const own = sender.person === to
  const exact = recipient.lives.find((life) => life.resource === resource)
  const refusal = refusalOf(kind, from.person, to, resource !== undefined, exact)
  const silent = resource !== undefined && !exact && kind.type === 'headline'
  const itself = refusal !== undefined || silent ? [] : exact ? [exact] : recipient.lives.filter(takes)
  const had = new Set([...itself, from])
  const heard = refusal === undefined && kind.copied
  const bounced = refusal === BOUNCED
  const others = sender.lives.filter((life) => life.carbons && life !== from)
  const sent = (heard || (bounced && kind.copied)) && !own ? others : []
  const isPrivate = kind.payload.includes('<private')
  const received =
    heard && !isPrivate && itself.length > 0
      ? recipient.lives.filter((life) => life.carbons && !had.has(life))
      : []
  const parties = refusal === undefined ? [from.person, ...(own ? [] : [to])] : bounced ? [from.person] : []
  const archivedBy = parties.filter(
    (person) => kind.archived && wants(person, own || person === to ? from.person : to),
  )
  const errors = bounced && kind.copied ? others : []
  const shut = new Set(recipient.lives.filter((life) => !takes(life)))
  return {
    ...{
      key,
      n,
      kind,
      from,
      to,
      refusal,
      itself,
      copies: { sent, received, 'error copy': errors },
      shut,
      archivedBy,
    },
    ...{ shownIn: undefined, doubtful: false, restarted: false },
  }
}

function refusalOf(
  { type }: Kind,
  from: Person,
  to: Person,
  isFull: boolean,
  exact: Life | undefined,
): string | undefined {
  if (from !== to && from.blocks.has(to.bare)) return 'not-acceptable'
  if (from !== to && to.blocks.has(from.bare)) return BOUNCED
  if (exact) return undefined
  // §8.5.2.1.1, §8.5.3.2.1
  if (type === 'groupchat') return BOUNCED
  return isFull && type === '' ? BOUNCED : undefined
}

/** XEP-0313 §6 */
function wants(person: Person, { bare }: Person): boolean {
  if (person.never.has(bare)) return false
  return person.archives === 'roster' ? person.friends.includes(bare) : person.archives === 'always'
}

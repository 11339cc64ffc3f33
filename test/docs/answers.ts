/**
 * What is said to the demands of XEPs that no play shows: by section, "6.3.*" for one with all that is below it.
 * A section that a reason names (§) has a play; `npm run docs:musts` and a test hold this against the plays.
 */
import { PUBSUB_ANSWERS } from './answers-0060.ts'

export type Kind =
  /** A duty of clients. */
  | 'client'
  /** A duty of whoever writes specifications, or a wish that the protocol itself fulfils. */
  | 'author'
  /** A duty of another entity: a room, a server elsewhere, a push service. */
  | 'other'
  /** Of something that is not offered; the reason says what is answered instead. */
  | 'absent'
  /** Said again in sections that have their plays. */
  | 'again'
  /** Decided otherwise, for the reason that is given. */
  | 'otherwise'

export type Answer = readonly [sections: string, kind: Kind, why: string]
export type Answers = Readonly<Record<number, readonly Answer[]>>

export const ANSWERS: Answers = {
  12: [
    [
      '3, 4',
      'otherwise',
      'Who may not see the presence is told service-unavailable, not forbidden: that would tell strangers which ' +
        'accounts exist (RFC 6120 §13.11, RFC 6121 §8.5.1). Nothing else is told, no client is asked (§8), and ' +
        'whoever is online has been away for 0 seconds (§2).',
    ],
    ['7', 'client', 'How the figures of different entities are shown to a person.'],
  ],
  30: [
    ['2', 'author', 'What the protocol itself must be able to do.'],
    ['4.3', 'absent', 'No identity of the category “hierarchy” is used.'],
  ],
  45: [
    [
      '6.7, 16.7.1, 16.7.2',
      'client',
      'What a person’s client tells of its rooms, and does with an address of one.',
    ],
  ],
  425: [['3.1', 'client', 'Whether the id of a retraction is that of a message.']],
  48: [['4', 'client', 'Whether passwords of rooms are stored.']],
  50: [
    [
      '3.6',
      'absent',
      'A command that fails is answered with an error, so that none is completed and has failed: §4.4.',
    ],
    [
      '3.7',
      'otherwise',
      'Texts are in English whatever language is asked for, as everything that the server says; no client would be ' +
        'helped by a command that is refused for that.',
    ],
  ],
  59: [
    [
      '2.6',
      'absent',
      'Pages by index are not offered: feature-not-implemented. The count tells how many there are: §2.7.',
    ],
    ['4', 'other', 'Of entities that do not know the protocol.'],
  ],
  60: PUBSUB_ANSWERS,
  77: [
    ['6, 13.3.1', 'client', 'In which order forms are filled in, and what is done with a link.'],
    [
      '9',
      'otherwise',
      'Errors have the conditions of RFC 6120 and no numbers: those were given up with XEP-0086, and clients read ' +
        'the conditions.',
    ],
  ],
  84: [
    [
      '3, 3.4, 4.2.2',
      'client',
      'What is done before publishing, how pictures are fetched, and pointers to other services.',
    ],
    [
      '4.2.1',
      'otherwise',
      'Of the client that publishes. Where the server does, from a vCard (§3.2), it says the format that the picture ' +
        'has: it does not convert pictures, so that not each has a form as PNG.',
    ],
  ],
  115: [
    ['6.1', 'client', 'The server’s own features do not change while it runs.'],
    [
      '8.4',
      'absent',
      'Every presence goes on with the capabilities that the client put in, so that nothing is left out.',
    ],
  ],
  153: [
    [
      '4.2, 4.3',
      'client',
      'When a picture is advertised, fetched and set; by XEP-0398 the server does it for old clients.',
    ],
  ],
  160: [
    ['1', 'absent', 'Messages are always stored; a box that is full is told by service-unavailable: §3.'],
  ],
  163: [['7.2', 'author', 'Of specifications that define a payload.']],
  199: [
    ['4.1, 4.4', 'client', 'Of the client that is pinged; the server takes any answer for a sign of life.'],
    ['4.3', 'absent', 'There is no federation yet. Who asks the server is answered: §4.2.'],
  ],
  215: [['4', 'absent', 'Services carry no forms with further information.']],
  223: [
    [
      '6',
      'client',
      'Whether private data are stored, and which events are believed; an event that a client makes up is refused.',
    ],
  ],
  237: [['2.3', 'client', 'How the version is asked with; any that is not known gets the whole roster.']],
  280: [['10.4', 'client', 'Of clients that answer by themselves.']],
  297: [['7.1', 'client', 'Of whoever is given a forwarded stanza; the server acts on none.']],
  313: [
    [
      '3',
      'otherwise',
      'Ids are unique and the body is kept (§3.5), but an id is the time at which the server took the message, then ' +
        'a counter, so that id, order and time need one index. Who guesses one gains nothing: every look-up by id is ' +
        'within the account of the one who asks (§4.1.2).',
    ],
    ['3.3.2, 6.1.2, 8.4', 'again', 'The archives of rooms have plays of their own: features/rooms/archive.'],
    ['4.1.4', 'client', 'The field is not offered, and refused as unknown: §4.1.3.'],
    ['8.2', 'client', 'Which results are believed. One that a client makes up is refused by the server.'],
  ],
  357: [
    [
      '3.1',
      'other',
      'Of push services that are reached by stanzas. This one is within the server, and no node is published to.',
    ],
  ],
  359: [
    ['4', 'client', 'Of the client that refers to a message.'],
    [
      '6',
      'otherwise',
      'From an id one learns when the message came, which its recipient knows, and at most how many the server took ' +
        'in the same millisecond; not how much anybody has. No id is a secret: XEP-0313 §4.1.2.',
    ],
  ],
  377: [
    ['4', 'client', 'The server asks for no reason: whoever is reported is blocked in any case (§6).'],
    [
      '5',
      'absent',
      'A report is a line in the operator’s log; it is passed on to nobody, whatever it allows.',
    ],
    ['11.3', 'author', 'Of specifications that name further reasons.'],
  ],
  363: [['9.2', 'client', 'Of the headers that a client copies into its request; we ask for none.']],
  379: [
    [
      '3.6',
      'client',
      'Of the client of the invited; the server approves nothing that its own account did not pre-approve.',
    ],
    ['4.2', 'client', 'Of the client of the invited.'],
  ],
  424: [
    [
      '4',
      'absent',
      'Of an account’s archive tombstones are not offered and not announced (rooms have them): the retraction is kept beside what it retracts (§5), and ' +
        'clients hide it.',
    ],
  ],
  490: [['5.1', 'client', 'What a client does with the states that it reads, and whom it addresses.']],
  492: [['2.2', 'client', 'Of the client that writes the settings.']],
}

import { describe, expect, test } from 'bun:test'
import { classify, type Proposal, PUSH_RULES } from '../../src/push/rules/classify.ts'
import { type Attrs, type Element, xml } from '../../src/xmpp/xml.ts'

const message = (attrs: Attrs, ...children: Element[]): Element =>
  xml('message', { type: 'chat', ...attrs }, ...children)
const body = xml('body', {}, 'Art thou not Romeo?')
const delay = xml('delay', { xmlns: 'urn:xmpp:delay', stamp: '2026-01-01T00:00:00Z' })

const rows: [string, Element, Proposal['kind'], string][] = [
  ['a file without a text', message({}, xml('file-sharing', { xmlns: 'urn:xmpp:sfs:0' })), 'ring', 'file'],
  ['text', message({}, body), 'ring', 'body'],
  ['text in a room', message({ type: 'groupchat' }, body), 'ring', 'body'],
  [
    'text with a receipt request and a chat state',
    message(
      {},
      body,
      xml('request', { xmlns: 'urn:xmpp:receipts' }),
      xml('active', { xmlns: 'http://jabber.org/protocol/chatstates' }),
    ),
    'ring',
    'body',
  ],
  ['an empty body', message({}, xml('body')), 'nothing', 'no-content'],
  [
    'OMEMO',
    message(
      {},
      xml(
        'encrypted',
        { xmlns: 'eu.siacs.conversations.axolotl' },
        xml('header', { sid: '1' }),
        xml('payload', {}, 'AAAA'),
      ),
      body,
    ),
    'ring',
    'encrypted',
  ],
  [
    'OMEMO keys only',
    message({}, xml('encrypted', { xmlns: 'eu.siacs.conversations.axolotl' }, xml('header', { sid: '1' }))),
    'nothing',
    'key-transport',
  ],
  [
    'OMEMO 2 keys only with a hint',
    message(
      {},
      xml('encrypted', { xmlns: 'urn:xmpp:omemo:2' }, xml('header')),
      xml('encryption', { xmlns: 'urn:xmpp:eme:0', namespace: 'urn:xmpp:omemo:2' }),
    ),
    'nothing',
    'key-transport',
  ],
  ['OX', message({}, xml('openpgp', { xmlns: 'urn:xmpp:openpgp:0' }, 'AAAA')), 'ring', 'encrypted'],
  [
    'a mediated invitation',
    message(
      { type: 'normal' },
      xml('x', { xmlns: 'http://jabber.org/protocol/muc#user' }, xml('invite', { from: 'a@b' })),
    ),
    'ring',
    'invitation',
  ],
  [
    'a direct invitation',
    message({}, xml('x', { xmlns: 'jabber:x:conference', jid: 'r@c' })),
    'ring',
    'invitation',
  ],
  [
    'a private message in a room',
    message({}, body, xml('x', { xmlns: 'http://jabber.org/protocol/muc#user' })),
    'ring',
    'body',
  ],
  ['a subscription request', xml('presence', { type: 'subscribe' }), 'ring', 'subscription-request'],
  ['presence', xml('presence'), 'nothing', 'not-a-message'],
  ['a query', xml('iq', { type: 'get' }), 'nothing', 'not-a-message'],
  ['a call', message({}, xml('propose', { xmlns: 'urn:xmpp:jingle-message:0', id: 'a' })), 'ring', 'call'],
  [
    'a file that is proposed',
    message(
      {},
      xml(
        'propose',
        { xmlns: 'urn:xmpp:jingle-message:0', id: 'a' },
        xml('description', { xmlns: 'urn:xmpp:jingle:apps:file-transfer:5' }),
      ),
    ),
    'nothing',
    'proposal',
  ],
  [
    'an invitation to a call',
    message({}, xml('invite', { xmlns: 'urn:xmpp:call-invites:0' }, xml('jingle', { sid: 's1' }))),
    'ring',
    'call-invite',
  ],
  ...['retract', 'accept', 'reject', 'left'].map((name): [string, Element, Proposal['kind'], string] => [
    `${name} of an invitation to a call`,
    message({}, xml(name, { xmlns: 'urn:xmpp:call-invites:0', id: 'i1' })),
    'nothing',
    'call-answer',
  ]),
  [
    'the end of a call',
    message({}, xml('retract', { xmlns: 'urn:xmpp:jingle-message:0', id: 'a' })),
    'silent',
    'call-ended',
  ],
  ['attention', message({}, xml('attention', { xmlns: 'urn:xmpp:attention:0' })), 'ring', 'attention'],
  ['a receipt', message({}, xml('received', { xmlns: 'urn:xmpp:receipts', id: '1' })), 'nothing', 'receipt'],
  [
    'a marker',
    message({}, xml('displayed', { xmlns: 'urn:xmpp:chat-markers:0', id: '1' })),
    'nothing',
    'marker',
  ],
  [
    'a chat state',
    message({}, xml('composing', { xmlns: 'http://jabber.org/protocol/chatstates' })),
    'nothing',
    'chat-state',
  ],
  ['an error', message({ type: 'error' }, body), 'nothing', 'error'],
  ['an own copy', message({}, xml('sent', { xmlns: 'urn:xmpp:carbons:2' })), 'nothing', 'own-copy'],
  [
    'a message that must not be copied',
    message({}, body, xml('private', { xmlns: 'urn:xmpp:carbons:2' })),
    'ring',
    'body',
  ],
  ['an archive result', message({}, xml('result', { xmlns: 'urn:xmpp:mam:2' })), 'nothing', 'archive-result'],
  [
    'a PEP event',
    message({ type: 'headline' }, xml('event', { xmlns: 'http://jabber.org/protocol/pubsub#event' })),
    'nothing',
    'event',
  ],
  ['a headline', message({ type: 'headline' }, body), 'nothing', 'headline'],
  ['room history', message({ type: 'groupchat' }, body, delay), 'nothing', 'history'],
  ['a delayed private message', message({}, body, delay), 'ring', 'body'],
  [
    'a reaction with a fallback body',
    message({}, body, xml('reactions', { xmlns: 'urn:xmpp:reactions:0', id: '1' })),
    'nothing',
    'reaction',
  ],
  [
    'a correction',
    message({}, body, xml('replace', { xmlns: 'urn:xmpp:message-correct:0', id: '1' })),
    'nothing',
    'correction',
  ],
  [
    'a retraction',
    message({}, body, xml('retract', { xmlns: 'urn:xmpp:message-retract:1', id: '1' })),
    'badge',
    'retraction',
  ],
  ['a room subject', message({ type: 'groupchat' }, xml('subject', {}, 'Verona')), 'nothing', 'no-content'],
]

describe('classify', () => {
  for (const [name, el, kind, rule] of rows) {
    test(`${name} proposes ${kind}`, () => {
      expect(classify(el)).toEqual({ kind, rule })
    })
  }

  test('what is left to the operator is as the operator says', () => {
    const settings = { reactions: 'badge', corrections: 'silent', retractions: 'silent' } as const
    const chosen = PUSH_RULES.flatMap(({ rule, setting }) => (setting ? [[rule, setting] as const] : []))
    expect(chosen.map(([rule]) => rule).sort()).toEqual(['correction', 'reaction', 'retraction'])
    for (const [rule, setting] of chosen) {
      const el = rows.find((row) => row[3] === rule)?.[1]
      expect(el && classify(el, settings)).toEqual({ kind: settings[setting], rule })
    }
    expect(classify(message({}, body), settings).kind).toBe('ring')
  })

  test('every rule of the table has a row here', () => {
    expect(PUSH_RULES.map((r) => r.rule).filter((name) => !rows.some((row) => row[3] === name))).toEqual([])
    expect(new Set(PUSH_RULES.map((r) => r.rule)).size).toBe(PUSH_RULES.length)
  })
})

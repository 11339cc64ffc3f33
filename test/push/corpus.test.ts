/**
 * What clients really send, classified. Each stanza has the elements and attributes of the code that builds it, in its
 * order; the source is named by repository, commit, file and lines. Most leave the sender's address to the server.
 */
import { describe, expect, test } from 'bun:test'
import { classify } from '../../src/push/rules/classify.ts'
import { parse } from '../support/xml.ts'

interface Specimen {
  readonly what: string
  /** The rule that must decide. */
  readonly rule: string
  readonly xml: string
}

const ID = 'b7f5a9a4-3b0e-4b9e-8f6e-1c5f2d3e4a5b'
const TO = `to='juliet@bix.org'`

/** robbiehanson/XMPPFramework: -[XMPPMessage message] makes a bare element. */
const XMPPFRAMEWORK: readonly Specimen[] = [
  {
    what: '4225c9a, Extensions/XEP-0184/XMPPMessage+XEP_0184.m:29–68: a receipt',
    rule: 'receipt',
    xml: `<message type='chat' ${TO}><received xmlns='urn:xmpp:receipts' id='${ID}'/></message>`,
  },
  {
    what: '4225c9a, the same file, 71–75: a text that asks for a receipt',
    rule: 'body',
    xml: `<message type='chat' ${TO} id='${ID}'><body>hist!</body><request xmlns='urn:xmpp:receipts'/></message>`,
  },
  {
    what: '9f58085, Extensions/XEP-0333/XMPPMessage+XEP_0333.m:116–128: a displayed marker',
    rule: 'marker',
    xml: `<message ${TO}><displayed xmlns='urn:xmpp:chat-markers:0' id='${ID}'/></message>`,
  },
  {
    what: '9f58085, the same file, 102–115: a received marker with its thread',
    rule: 'marker',
    xml: `<message ${TO}><thread>t1</thread><received xmlns='urn:xmpp:chat-markers:0' id='${ID}'/></message>`,
  },
  {
    what: '9f58085, the same file, 57–61: a text that can be marked',
    rule: 'body',
    xml: `<message type='chat' ${TO} id='${ID}'><body>hist!</body><markable xmlns='urn:xmpp:chat-markers:0'/></message>`,
  },
  {
    what: '035aa15, Extensions/XEP-0085/XMPPMessage+XEP_0085.m:48–51: typing',
    rule: 'chat-state',
    xml: `<message type='chat' ${TO}><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`,
  },
]

/** monal-im/Monal 015a914, Monal/Classes/XMPPMessage.m:26–34 and 67–77: type, id, then the origin-id. */
const monal = (inner: string, type = 'chat') =>
  `<message xmlns='jabber:client' type='${type}' ${TO} id='${ID}'><origin-id xmlns='urn:xmpp:sid:0' id='${ID}'/>${inner}</message>`
const MONAL: readonly Specimen[] = [
  { what: 'XMPPMessage.m:79–86: a text', rule: 'body', xml: monal('<body>hist!</body>') },
  {
    what: 'XMPPMessage.m:88–101: a file is its address, twice',
    rule: 'body',
    xml: monal(
      `<x xmlns='jabber:x:oob'><url>https://bix.org/a.jpg</url></x><body>https://bix.org/a.jpg</body>`,
    ),
  },
  {
    what: 'XMPPMessage.m:103–106: a correction',
    rule: 'correction',
    xml: monal(`<body>hist, Romeo!</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/>`),
  },
  {
    what: 'XMPPMessage.m:111–114 and 131–135: a receipt that is not to be stored',
    rule: 'receipt',
    xml: monal(
      `<received xmlns='urn:xmpp:receipts' id='m1'/><no-store xmlns='urn:xmpp:hints'/><no-storage xmlns='urn:xmpp:hints'/>`,
    ),
  },
  {
    what: 'XMPPMessage.m:121–129: a displayed marker that is to be stored',
    rule: 'marker',
    xml: monal(`<displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/><store xmlns='urn:xmpp:hints'/>`),
  },
]

/** snikket-im/snikket-android 012f036 (a fork of Conversations), …/generator/MessageGenerator.java:30–57. */
const conversations = (inner: string) =>
  `<message to='juliet@bix.org' type='chat' id='${ID}'><markable xmlns='urn:xmpp:chat-markers:0'/>` +
  `<request xmlns='urn:xmpp:receipts'/>${inner}</message>`
const CONVERSATIONS: readonly Specimen[] = [
  { what: 'MessageGenerator.java:115–123: a text', rule: 'body', xml: conversations('<body>hist!</body>') },
  {
    what: 'MessageGenerator.java:72–82: OMEMO, without any text',
    rule: 'encrypted',
    xml: conversations(
      `<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'><key rid='2'>AAAA</key><iv>AAAA</iv></header><payload>AAAA</payload></encrypted>`,
    ),
  },
  {
    what: 'MessageGenerator.java:72–82: OMEMO keys, no payload',
    rule: 'key-transport',
    xml: conversations(
      `<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'><key rid='2'>AAAA</key><iv>AAAA</iv></header></encrypted>`,
    ),
  },
  {
    what: 'MessageGenerator.java:129–138: OpenPGP, whose text says that it is none',
    rule: 'encrypted',
    xml: conversations(
      `<body>This is an XEP-0027 encrypted message</body><x xmlns='jabber:x:encrypted'>AAAA</x>`,
    ),
  },
  {
    what: 'MessageGenerator.java:88–109: OTR, which must not be copied',
    rule: 'body',
    xml: conversations(
      `<private xmlns='urn:xmpp:carbons:2'/><no-copy xmlns='urn:xmpp:hints'/><no-permanent-store xmlns='urn:xmpp:hints'/><body>?OTR:AAMD</body>`,
    ),
  },
  {
    what: 'MessageGenerator.java:140–147: typing, without a type',
    rule: 'chat-state',
    xml: `<message ${TO}><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`,
  },
  {
    what: 'MessageGenerator.java:149–158: a displayed marker of type normal',
    rule: 'marker',
    xml: `<message type='normal' ${TO}><displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/></message>`,
  },
  {
    what: 'MessageGenerator.java:160–170: the subject of a room',
    rule: 'no-content',
    xml: `<message type='groupchat' to='garden@conference.bix.org'><subject>Verona</subject></message>`,
  },
  {
    what: 'MessageGenerator.java:172–180: a direct invitation',
    rule: 'invitation',
    xml: `<message type='normal' ${TO}><x xmlns='jabber:x:conference' jid='garden@conference.bix.org'/></message>`,
  },
  {
    what: 'MessageGenerator.java:195–204: a receipt of type normal',
    rule: 'receipt',
    xml: `<message type='normal' ${TO}><received xmlns='urn:xmpp:receipts' id='m1'/></message>`,
  },
  {
    what: 'MessageGenerator.java:206–217: an OTR error',
    rule: 'error',
    xml:
      `<message type='error' id='m1' ${TO}><error code='406' type='modify'>` +
      `<not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text>?OTR Error:no</text></error></message>`,
  },
]

/** tigase/Martin, the library of Siskin. */
const MARTIN: readonly Specimen[] = [
  {
    what: '79f7a53, Sources/Martin/modules/MessageReactionsModule.swift:102–120: a reaction, its child misnamed',
    rule: 'reaction',
    xml: `<message type='chat' ${TO} id='${ID}'><reactions xmlns='urn:xmpp:reactions:0' id='m1'><reactions>👍</reactions></reactions><store xmlns='urn:xmpp:hints'/></message>`,
  },
  ...['retract', 'accept', 'proceed', 'reject'].map((action) => ({
    what: `e4b97d0, Sources/Martin/modules/jingle/Message_JingleInitiation.swift:33–45: a call, ${action}`,
    rule: 'call-ended',
    xml: `<message type='chat' ${TO} id='${ID}'><${action} xmlns='urn:xmpp:jingle-message:0' id='c1'/></message>`,
  })),
  {
    what: 'e4b97d0, the same file, 33–45: a call proposal',
    rule: 'call',
    xml: `<message type='chat' ${TO} id='${ID}'><propose xmlns='urn:xmpp:jingle-message:0' id='c1'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose></message>`,
  },
]

/** conversejs/converse.js 976f6a8, src/headless/shared/model-with-messages.js:1042–1074: to, type, id, then the body. */
const converse = (inner: string, to = `${TO} type='chat'`) =>
  `<message xmlns='jabber:client' from='romeo@bix.org/orchard' ${to} id='${ID}'>${inner}<origin-id xmlns='urn:xmpp:sid:0' id='${ID}'/></message>`
const CONVERSE: readonly Specimen[] = [
  {
    what: 'model-with-messages.js:1048–1050: a text',
    rule: 'body',
    xml: converse(
      `<body>hist!</body><active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/>`,
    ),
  },
  {
    what: 'model-with-messages.js:1072: a correction',
    rule: 'correction',
    xml: converse(
      `<body>But soft</body><active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/><replace xmlns='urn:xmpp:message-correct:0' id='m1'/>`,
    ),
  },
  {
    what: 'model-with-messages.js:1055–1061: a text in a room that mentions somebody',
    rule: 'body',
    xml: converse(
      `<body>hello juliet</body><active xmlns='http://jabber.org/protocol/chatstates'/><reference xmlns='urn:xmpp:reference:0' begin='6' end='12' type='mention' uri='xmpp:juliet@bix.org'/>`,
      `to='garden@conference.bix.org' type='groupchat'`,
    ),
  },
  {
    what: 'src/headless/shared/actions.js:135–151: a retraction, with a text for older clients',
    rule: 'retraction',
    xml: `<message id='${ID}' ${TO} type='chat' xmlns='jabber:client'><retract id='m1' xmlns='urn:xmpp:message-retract:1'/><body>/me retracted a message</body><store xmlns='urn:xmpp:hints'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/></message>`,
  },
  {
    what: '65af7a6, the same file, 99–116: a retraction of XEP-0424 0.3.0, fastened to the message',
    rule: 'retraction',
    xml: `<message id='${ID}' ${TO} type='chat'><store xmlns='urn:xmpp:hints'/><apply-to id='m1' xmlns='urn:xmpp:fasten:0'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to></message>`,
  },
]

for (const [client, specimens] of Object.entries({
  XMPPFramework: XMPPFRAMEWORK,
  Monal: MONAL,
  Conversations: CONVERSATIONS,
  'Martin (Siskin)': MARTIN,
  'converse.js': CONVERSE,
}))
  describe(client, () => {
    for (const { what, rule, xml } of specimens)
      test(`${what}: ${rule}`, () => {
        expect(classify(parse(xml)).rule).toBe(rule)
      })
  })

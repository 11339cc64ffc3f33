/** What is said in a random story. */
export const JULIET = 'juliet@bix.org'
export const PEERS = ['romeo', 'nurse'] as const
export type Peer = (typeof PEERS)[number]

/** What never rings, as a peer's client sends it. */
const NOISE = [
  `<message to='${JULIET}' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`,
  `<message to='${JULIET}'><received xmlns='urn:xmpp:receipts' id='x'/></message>`,
  `<message to='${JULIET}'><displayed xmlns='urn:xmpp:chat-markers:0' id='x'/><store xmlns='urn:xmpp:hints'/></message>`,
]

export const noiseOf = (n: number): string => NOISE[n % NOISE.length] ?? ''

export const peerOf = (n: number): Peer => (n % 3 === 0 ? 'nurse' : 'romeo')

export const xmlOf = (body: string) =>
  `<message to='${JULIET}' type='chat' id='${body}'><body>${body}</body>` +
  `<origin-id xmlns='urn:xmpp:sid:0' id='${body}'/></message>`

export const markOf = (peer: Peer, id: string) =>
  `<message to='${peer}@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/></message>`

export const answerTo = (peer: Peer) => `<message to='${peer}@bix.org' type='chat'><body>a</body></message>`

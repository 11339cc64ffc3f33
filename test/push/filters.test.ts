import { expect, test } from 'bun:test'
import { type FilterRule, filtered, mentions, type StanzaFacts } from '../../src/push/rules/filters.ts'
import type { DeviceOptions } from '../../src/store/devices.ts'

const ROMEO = 'romeo@bix.org'
const GARDEN = 'garden@conference.bix.org'
const chat: StanzaFacts = { from: ROMEO, groupchat: false, known: true, text: 'hist!' }
const room: StanzaFacts = { from: GARDEN, groupchat: true, known: true, text: 'Juliet, hist!' }
const always: DeviceOptions = { rooms: [{ jid: GARDEN, allow: 'always' }] }
const mentioned: DeviceOptions = { rooms: [{ jid: GARDEN, allow: 'mentioned', nick: 'juliet' }] }

const TABLE: [what: string, DeviceOptions, StanzaFacts, FilterRule | undefined][] = [
  ['nothing asked for', {}, chat, undefined],
  ['nothing asked for, a room', {}, room, undefined],
  ['nothing asked for, a stranger', {}, { ...chat, known: false }, undefined],
  ['muted', { muted: ['nurse@bix.org', ROMEO] }, chat, 'muted'],
  ['another is muted', { muted: ['nurse@bix.org'] }, chat, undefined],
  ['a muted room', { muted: [GARDEN], ...always }, room, 'muted'],
  ['strangers ignored', { ignoreUnknown: true }, { ...chat, known: false }, 'unknown-sender'],
  ['strangers ignored, a contact', { ignoreUnknown: true }, chat, undefined],
  ['strangers ignored, a room', { ignoreUnknown: true }, { ...room, known: false }, undefined],
  ['a chosen room', always, { ...room, text: 'hist!' }, undefined],
  ['no room chosen', { rooms: [] }, room, 'room-not-chosen'],
  ['another room chosen', always, { ...room, from: 'hall@conference.bix.org' }, 'room-not-chosen'],
  ['rooms chosen, a chat', { rooms: [] }, chat, undefined],
  ['mentioned', mentioned, room, undefined],
  ['not mentioned', mentioned, { ...room, text: 'hist!' }, 'room-not-mentioned'],
  ['mentioned by reference', mentioned, { ...room, text: 'hist!', mentioned: true }, undefined],
  ['unreadable', mentioned, { ...room, text: undefined }, 'room-not-mentioned'],
]

for (const [what, options, facts, rule] of TABLE)
  test(`${what}: ${rule ?? 'rings'}`, () => expect(filtered(options, facts)).toBe(rule))

test('a nick is a word of its own, whatever its case and its letters', () => {
  for (const text of ['juliet', '@Juliet!', 'o JULIET, o', 'julietta juliet', '漢字 (juliet)'])
    expect(mentions(text, 'Juliet')).toBe(true)
  for (const text of ['julietta', 'xjuliet', 'juliet2', 'éjuliet', '', 'juli et'])
    expect(mentions(text, 'Juliet')).toBe(false)
  expect(mentions('c++ (and) more', 'c++')).toBe(true)
  expect(mentions('anything', '')).toBe(false)
})

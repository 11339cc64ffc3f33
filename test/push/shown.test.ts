import { describe, expect, test } from 'bun:test'
import { phraseOf } from '../../src/push/rules/notice.ts'
import { phrase, PHRASE_KEYS } from '../../src/push/rules/phrases.ts'
import { actionOf, shownText, standIn } from '../../src/push/rules/shown.ts'
import { parse } from '../support/xml.ts'

const REPLY = `<reply to='anna@example.com' id='m1' xmlns='urn:xmpp:reply:0'/>`
const fallback = (of: string, inner: string) =>
  `<fallback xmlns='urn:xmpp:fallback:0' for='${of}'>${inner}</fallback>`
const cut = (start: number | string, end: number | string) =>
  fallback('urn:xmpp:reply:0', `<body start='${start}' end='${end}'/>`)
const message = (body: string, rest = '') =>
  parse(`<message xmlns='jabber:client'><body>${body}</body>${rest}</message>`)

describe('XEP-0428: what stands there for others is not shown', () => {
  const rows: readonly [what: string, body: string, rest: string, shown: string | undefined][] = [
    ['XEP-0461: the quotation of an answer', '&gt; Hi, how are you?\nGreat', REPLY + cut(0, 19), 'Great'],
    ['counted in characters, not in UTF-16', '&gt; 👩‍👩‍👧‍👦🎉\nGreat', REPLY + cut(0, 11), 'Great'],
    ['in the midst', 'Yes\n&gt; quote\nNo', REPLY + cut(4, 12), 'Yes\nNo'],
    [
      'of several parts',
      'aXbXc',
      fallback('urn:xmpp:reply:0', `<body start='1' end='2'/><body start='3' end='4'/>`),
      'abc',
    ],
    ['the whole body', 'https://files.example/a.jpg', fallback('urn:xmpp:sfs:0', '<body/>'), undefined],
    ['everything', 'https://files.example/a.jpg', fallback('jabber:x:oob', ''), undefined],
    ['the subject alone', 'Hi', fallback('urn:xmpp:reply:0', `<subject/>`), 'Hi'],
    ['what nobody here knows is text', 'Buy now', fallback('urn:example:poll', '<body/>'), 'Buy now'],
    ['beyond the end', 'Hi', cut(10, 20), 'Hi'],
    ['backwards', 'Hi there', cut(5, 2), 'Hi there'],
    ['of no numbers', 'Hi there', cut('x', '-1'), 'Hi there'],
    [
      'of more parts than are looked at',
      'x'.repeat(40),
      fallback(
        'urn:xmpp:reply:0',
        Array.from({ length: 40 }, (_, i) => `<body start='${i}' end='${i + 1}'/>`).join(''),
      ),
      'x'.repeat(24),
    ],
    ['nothing of that', 'Great', '', 'Great'],
    ['no text at all', '', '', undefined],
  ]
  for (const [what, body, rest, shown] of rows)
    test(what, () => expect(shownText(message(body, rest))).toBe(shown))
})

describe('what stands for a text', () => {
  const rows: readonly [what: string, body: string, rest: string, english: string | undefined][] = [
    ['XEP-0382: a spoiler is hidden', 'He dies', `<spoiler xmlns='urn:xmpp:spoiler:0'/>`, 'Spoiler'],
    ['its hint is shown', 'He dies', `<spoiler xmlns='urn:xmpp:spoiler:0'>Act V</spoiler>`, 'Spoiler: Act V'],
    ['XEP-0449: a sticker', '😀', `<sticker xmlns='urn:xmpp:stickers:0' pack='p'/>`, 'Sticker 😀'],
    [
      'a sticker with a long text',
      'x'.repeat(30),
      `<sticker xmlns='urn:xmpp:stickers:0' pack='p'/>`,
      'Sticker',
    ],
    ['a place', 'geo:45.44,10.99;u=20', '', 'Location'],
    ['south and west of zero', 'geo:-33.4,-70.6', '', 'Location'],
    ['words about a place', 'geo:45.44,10.99 is where I am', '', undefined],
    ['words', 'Great', '', undefined],
  ]
  for (const [what, body, rest, english] of rows)
    test(what, () => {
      const el = message(body, rest)
      const facts = standIn(el, shownText(el))
      expect(facts && phraseOf('body', undefined, facts).text).toBe(english)
    })

  test('XEP-0446: a recording with its length', () => {
    for (const [seconds, text] of [
      [12, '0:12'],
      [63, '1:03'],
      [3_601, '60:01'],
      [0, '0:00'],
    ] as const)
      expect(phraseOf('body', 'de', { kind: 'voice', seconds }).text).toBe(`Sprachnachricht ${text}`)
  })

  test('XEP-0245: what one does is said of its doer', () => {
    expect(actionOf('/me dances', 'Romeo')).toBe('Romeo dances')
    expect(actionOf('/me dances', undefined)).toBe('dances')
    expect(actionOf('/mean', 'Romeo')).toBe('/mean')
    expect(actionOf(' /me dances', 'Romeo')).toBe(' /me dances')
  })
})

describe('phrases', () => {
  const LOCALES = ['en', 'zh-Hans', 'de', 'fr', 'es', 'ja']
  test('are there in every language, with their argument', () => {
    for (const key of PHRASE_KEYS)
      for (const locale of LOCALES) {
        const { text } = phrase(key, locale, '$& %s')
        expect(`${key} ${locale} ${text.includes('undefined')}`).toBe(`${key} ${locale} false`)
        const takes = /_(NAMED|LENGTH|WITH)$/.test(key)
        expect(`${key} ${locale} ${text.includes('$& %s')}`).toBe(`${key} ${locale} ${takes}`)
      }
  })

  test('in the language that is meant, English where it is none of them', () => {
    const rows = {
      'zh-CN': '照片',
      zh: '照片',
      'zh-Hans-SG': '照片',
      'zh-TW': 'Photo',
      'de-AT': 'Foto',
      'es-419': 'Foto',
      'ja-JP': '写真',
      'pt-BR': 'Photo',
      tlh: 'Photo',
      'x!': 'Photo',
    }
    for (const [locale, text] of Object.entries(rows))
      expect(`${locale} ${phrase('BELFRY_PHOTO', locale).text}`).toBe(`${locale} ${text}`)
    expect(phrase('BELFRY_PHOTO', undefined).text).toBe('Photo')
  })
})

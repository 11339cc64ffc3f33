import { expect, test } from 'bun:test'
import { toVcard4, toVcardTemp, VCARD4 } from '../../src/xmpp/vcard4.ts'
import { picture } from '../support/avatars.ts'
import { parse } from '../support/xml.ts'

const { base64 } = picture('rose')
const temp = (inner: string) => parse(`<vCard xmlns='vcard-temp'>${inner}</vCard>`)
const four = (inner: string) => parse(`<vcard xmlns='${VCARD4}'>${inner}</vcard>`)
const text = (inner: string) => `<text>${inner}</text>`
const type = (...kinds: string[]) => `<type>${kinds.map(text).join('')}</type>`

/** Each line in both forms, and back again. */
const PAIRS: readonly [temp: string, vcard4: string][] = [
  ['<FN>Juliet &amp; Co</FN>', `<fn>${text('Juliet &amp; Co')}</fn>`],
  [
    '<N><FAMILY>Capulet</FAMILY><GIVEN>Juliet</GIVEN><MIDDLE>M.</MIDDLE></N>',
    '<n><surname>Capulet</surname><given>Juliet</given><additional>M.</additional></n>',
  ],
  ['<NICKNAME>Jules</NICKNAME>', `<nickname>${text('Jules')}</nickname>`],
  ['<BDAY>1476-06-09</BDAY>', '<bday><date>1476-06-09</date></bday>'],
  ['<BDAY>in June</BDAY>', `<bday>${text('in June')}</bday>`],
  [
    '<ADR><HOME/><PREF/><STREET>Via Cappello</STREET><LOCALITY>Verona</LOCALITY><PCODE>37121</PCODE><CTRY>IT</CTRY></ADR>',
    `<adr><parameters>${type('home')}<pref><integer>1</integer></pref></parameters>` +
      '<street>Via Cappello</street><locality>Verona</locality><code>37121</code><country>IT</country></adr>',
  ],
  [
    '<TEL><WORK/><VOICE/><NUMBER>+39-045</NUMBER></TEL>',
    `<tel><parameters>${type('work', 'voice')}</parameters><uri>tel:+39-045</uri></tel>`,
  ],
  ['<TEL><NUMBER>ask Nurse</NUMBER></TEL>', `<tel>${text('ask Nurse')}</tel>`],
  [
    '<EMAIL><HOME/><USERID>j@bix.org</USERID></EMAIL>',
    `<email><parameters>${type('home')}</parameters>${text('j@bix.org')}</email>`,
  ],
  ['<JABBERID>j@bix.org</JABBERID>', '<impp><uri>xmpp:j@bix.org</uri></impp>'],
  [
    '<TITLE>Daughter</TITLE><ROLE>Lead</ROLE>',
    `<title>${text('Daughter')}</title><role>${text('Lead')}</role>`,
  ],
  [
    '<ORG><ORGNAME>Capulet</ORGNAME><ORGUNIT>Garden</ORGUNIT></ORG>',
    `<org>${text('Capulet')}${text('Garden')}</org>`,
  ],
  ['<URL>https://bix.org/</URL>', '<url><uri>https://bix.org/</uri></url>'],
  ['<DESC>That I were a glove</DESC>', `<note>${text('That I were a glove')}</note>`],
  [
    `<PHOTO><TYPE>image/png</TYPE><BINVAL>${base64}</BINVAL></PHOTO>`,
    `<photo><uri>data:image/png;base64,${base64}</uri></photo>`,
  ],
]

for (const [one, other] of PAIRS) {
  test(`XEP-0292 §11: ${one.slice(0, 40)} there and back`, () => {
    expect(toVcard4(temp(one)).toString()).toBe(four(other).toString())
    expect(toVcardTemp(four(other)).toString()).toBe(temp(one).toString())
  })
}

test('XEP-0292 §11.1: NOTE is a note as DESC is', () => {
  expect(toVcard4(temp('<NOTE>n</NOTE>')).toString()).toBe(four(`<note>${text('n')}</note>`).toString())
})

test('XEP-0292 §11.5: what has no counterpart is left alone in the card that has it', () => {
  const old4 = four(
    `<fn>${text('Old')}</fn><gender><sex><text>F</text></sex></gender><impp><uri>sip:j</uri></impp>` +
      `<photo><uri>https://bix.org/j.png</uri></photo><photo><uri>data:image/png;base64,AAAA</uri></photo>`,
  )
  expect(toVcard4(temp('<FN>New</FN><MAILER>m</MAILER>'), old4).toString()).toBe(
    four(
      `<fn>${text('New')}</fn><gender><sex><text>F</text></sex></gender><impp><uri>sip:j</uri></impp>` +
        `<photo><uri>https://bix.org/j.png</uri></photo>`,
    ).toString(),
  )
  const old = temp(`<FN>Old</FN><MAILER>m</MAILER><PHOTO><BINVAL>${base64}</BINVAL></PHOTO>`)
  expect(toVcardTemp(four(`<fn>${text('New')}</fn><gender/>`), old).toString()).toBe(
    temp(`<FN>New</FN><MAILER>m</MAILER><PHOTO><BINVAL>${base64}</BINVAL></PHOTO>`).toString(),
  )
})

test('values that are empty, or of no form, say nothing and break nothing', () => {
  const hollow = [
    '<FN/>',
    '<N/>',
    '<TEL><HOME/></TEL>',
    '<ORG/>',
    '<EMAIL/>',
    '<PHOTO><BINVAL>!</BINVAL></PHOTO>',
  ]
  for (const inner of hollow) expect(toVcard4(temp(inner)).children).toEqual([])
  const hollow4 = [
    '<fn/>',
    '<n/>',
    '<tel><parameters/></tel>',
    '<impp/>',
    '<photo><uri>data:;base64,!</uri></photo>',
  ]
  for (const inner of hollow4) expect(toVcardTemp(four(inner)).children).toEqual([])
})

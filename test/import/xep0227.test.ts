/** Files of XEP-0227: of ejabberd with keys in base64 twice, of Prosody with keys in base64 once. */
import { describe, expect, test } from 'bun:test'
import { xep0227 } from '../../src/import/xep0227.ts'
import { fixture, importInto, later, logsIn, PASSWORDS, reasons, rowsOf, scratch } from './support.ts'

const PIEFXIS = fixture('ejabberd/piefxis_localhost.xml')

test('everybody of ejabberd’s file logs in with the old password', async () => {
  using w = later()
  const report = await importInto(w, xep0227([PIEFXIS]))
  expect(report.figures).toMatchObject({ accounts: 20, without_password: 0, offline_messages: 5 })
  for (const [user, password] of PASSWORDS) await logsIn(w, user, password)
})

test('a file ends with the last character of its root', async () => {
  const user = `<user name='a' password='a good password'/>`
  for (const [i, end] of ['</host>', '</host>\n', '</host><!-- over -->', '</host><?over?>'].entries()) {
    using w = later()
    using files = scratch()
    const text = `<host xmlns='urn:xmpp:pie:0' jid='localhost'>${user}${end}`
    const report = await importInto(w, xep0227([files.file(`${i}.xml`, text)]))
    expect([end, report.isBroken, report.figures.accounts]).toEqual([end, false, 1])
    const cut = await importInto(w, xep0227([files.file('cut.xml', text.slice(0, -end.length + 3))]))
    expect([end, cut.isBroken]).toEqual([end, true])
  }
  using w = later()
  expect((await importInto(w, xep0227([PIEFXIS]))).isBroken).toBe(false)
})

test('a second run changes nothing', async () => {
  using w = later()
  await importInto(w, xep0227([PIEFXIS]))
  const before = rowsOf(w)
  const { figures } = await importInto(w, xep0227([PIEFXIS]))
  expect(figures).toMatchObject({ accounts: 0, contacts: 0, offline_messages: 0 })
  expect(rowsOf(w)).toEqual(before)
})

test('what ejabberd’s file holds is here: contacts, requests, what waits, card, block list, private XML', async () => {
  using w = later()
  await importInto(w, xep0227([PIEFXIS]))
  const romeo = w.store.accounts.find('romeo@bix.org')!
  const contacts = w.store.contacts.all(romeo).toSorted((a, b) => (a.jid < b.jid ? -1 : 1))
  expect(
    contacts.map(({ jid, subscription, ask, name, groups }) => [jid, subscription, ask, name, groups]),
  ).toEqual([
    ['icq.gateway.example', 'none', false, 'Gateway without a user part', []],
    ['juliet@bix.org', 'both', false, 'Juliet 🌹', ['Capulets', 'Friends & foes']],
    ['mercutio@bix.org', 'to', false, "Merc's <mate>", ['Montagues']],
    ['nurse@bix.org', 'none', true, null, []],
    ['tybalt@elsewhere.example', 'none', false, null, []],
  ])
  expect([...w.store.blocked.of(romeo)]).toEqual(['spam.example', 'tybalt@bix.org'])
  expect(w.store.accounts.vcard(romeo)).toContain('Romeo Montague é 字 🌹')
  expect(w.store.accounts.photo(romeo)).toMatch(/^[0-9a-f]{40}$/)
  expect(w.store.privateXml.get(romeo, '{exodus:prefs}exodus')).toContain('Hamlet')
  const bookmark = w.store.pep.item(romeo, 'urn:xmpp:bookmarks:1', 'verona@conference.localhost')
  expect(bookmark?.xml).toContain('Verona &amp; co')
  const nurse = w.store.accounts.find('nurse@bix.org')!
  expect(w.store.contacts.find(nurse, 'romeo@bix.org')).toMatchObject({ listed: false })
  expect(w.store.contacts.find(nurse, 'romeo@bix.org')?.pending).toContain('type="subscribe"')
  const juliet = w.store.accounts.find('juliet@bix.org')!
  const waiting = w.store.messages.waiting(juliet, 0, 10).map(({ xml }) => xml)
  expect(waiting).toHaveLength(4)
  expect(waiting[0]).toContain('stored 0 字 🌹 &amp;amp;')
  expect(waiting[0]).toContain('from="romeo@bix.org/balcony"')
  expect(waiting[0]).not.toMatch(/urn:xmpp:mam:tmp|stanza-id/)
})

test('Prosody’s files, with keys in base64 once and options of nodes', async () => {
  using w = later()
  const files = ['romeo', 'juliet', 'nurse', 'zoe'].map((user) =>
    fixture(`prosody/xep0227/${user}@localhost.xml`),
  )
  const { figures } = await importInto(w, xep0227(files))
  expect(figures).toMatchObject({ accounts: 4, without_password: 0 })
  for (const [user, password] of PASSWORDS)
    if (['romeo', 'juliet', 'nurse', 'zoë'].includes(user)) await logsIn(w, user, password)
  const romeo = w.store.accounts.find('romeo@bix.org')!
  expect(w.store.pep.node(romeo, 'urn:xmpp:avatar:data')?.config.access_model).toEqual(['open'])
})

test('where all keys are of one hash no other is offered, so that new clients log in too', async () => {
  using w = later()
  await importInto(w, xep0227([fixture('ejabberd/piefxis-scram-sha256_localhost.xml')]))
  const features = await w.connect({ tls: 'TLSv1.2' }).opens('bix.org')
  expect(features.toString()).toContain('<mechanism>SCRAM-SHA-256</mechanism>')
  expect(features.toString()).not.toContain('SCRAM-SHA-1<')
  expect((await w.connect().opens('other.example')).toString()).toContain('SCRAM-SHA-1<')
  await logsIn(w, 'romeo', 'wherefore art thou', 'SHA-256')
  // The password by itself works as well.
  const plain = w.connect()
  await plain.opens('bix.org')
  await plain.authenticates('romeo', 'wherefore art thou')
})

test('plain passwords become keys; those that no account may have are told', async () => {
  using files = scratch()
  using w = later()
  const file = files.file(
    'plain.xml',
    `<?xml version='1.0' encoding='UTF-8'?><!-- made by hand --><server-data xmlns='urn:xmpp:pie:0'>
     <host jid='bix.org'><user name='ann' password='pass &amp; word'/><user name='bob' password='&#x7f;'/>
     <user name='eve' password='secret words'><scram-credentials mechanism='SCRAM-SHA-1'><iter-count>4096</iter-count>
       <salt>c2FsdA==</salt><server-key>${'A'.repeat(27)}=</server-key><stored-key>${'A'.repeat(27)}=</stored-key>
     </scram-credentials></user></host></server-data>`,
  )
  const report = await importInto(w, xep0227([file]), { map: {} })
  expect(report.figures).toMatchObject({ accounts: 3, without_password: 1 })
  expect(reasons(report)).toEqual([
    'the password cannot be one here: The password holds characters that are not allowed.',
    'the keys of SCRAM-SHA-1 are not those of the password beside them',
  ])
  await logsIn(w, 'ann', 'pass & word')
  await logsIn(w, 'eve', 'secret words', 'SHA-256')
})

describe('files of other exporters', () => {
  const user = `<user name='ann' password='secret words'/>`
  const PIE = 'urn:xmpp:pie:0'
  const rows: [what: string, file: string | Uint8Array, accounts: number, reasons: string[]][] = [
    [
      'prefixes',
      `<p:server-data xmlns:p='${PIE}'><p:host jid='bix.org'><p:user name='ann' password='secret words'/></p:host></p:server-data>`,
      1,
      [],
    ],
    [
      'another namespace',
      `<server-data xmlns='http://www.xmpp.org/extensions/xep-0227.html#ns'><host jid='bix.org'>${user}</host></server-data>`,
      1,
      [
        'its namespace is "http://www.xmpp.org/extensions/xep-0227.html#ns", not "urn:xmpp:pie:0"; it was read all the same',
      ],
    ],
    [
      'Latin-1 as its declaration says',
      Buffer.from(
        `<?xml version='1.0' encoding='ISO-8859-1'?><server-data xmlns='${PIE}'><host jid='bix.org'><user name='zoë' password='secret words'/></host></server-data>`,
        'latin1',
      ),
      1,
      [],
    ],
    [
      'Latin-1 that says nothing',
      Buffer.from(
        `<server-data xmlns='${PIE}'><host jid='bix.org'><user name='zoë'/></host></server-data>`,
        'latin1',
      ),
      0,
      [expect.stringMatching(/is not utf-8 between bytes 0 and \d+; say --encoding latin1/)],
    ],
    [
      'cut off',
      `<server-data xmlns='${PIE}'><host jid='bix.org'>${user}<user name='bob' pass`,
      1,
      [expect.stringContaining('ends in its midst')],
    ],
    [
      'a document type',
      `<!DOCTYPE x [<!ENTITY a "b">]><server-data xmlns='${PIE}'/>`,
      0,
      [expect.stringContaining('document type')],
    ],
    [
      'XInclude',
      `<server-data xmlns='${PIE}' xmlns:xi='http://www.w3.org/2001/XInclude'><host jid='bix.org'><xi:include href='/etc/passwd'/></host></server-data>`,
      0,
      ['it names /etc/passwd, which is not followed: name the files themselves'],
    ],
    [
      'an address of a machine as the host',
      `<server-data xmlns='${PIE}'><host jid='192.0.2.7'>${user}</host></server-data>`,
      0,
      ["192.0.2.7 is not one of this server's hosts; say --host 192.0.2.7=HOST"],
    ],
    [
      'Openfire',
      `<Openfire><User><Username>ann</Username></User></Openfire>`,
      0,
      [expect.stringContaining('Openfire')],
    ],
    [
      'no name',
      `<server-data xmlns='${PIE}'><host jid='bix.org'><user password='x'/></host></server-data>`,
      0,
      ['The part before "@" is empty.'],
    ],
    [
      'deep',
      `<server-data xmlns='${PIE}'><host jid='bix.org'><user name='ann' password='secret words'>${'<a>'.repeat(5000)}</user></host></server-data>`,
      0,
      [expect.stringContaining('deeper than')],
    ],
  ]
  for (const [what, contents, accounts, why] of rows)
    test(what, async () => {
      using files = scratch()
      using w = later()
      const report = await importInto(w, xep0227([files.file('data.xml', contents)]), { map: {} })
      expect(report.figures.accounts).toBe(accounts)
      expect(reasons(report)).toEqual(why)
    })
})

test('a dry run counts the same and writes nothing', async () => {
  using w = later()
  const before = rowsOf(w)
  const dry = await importInto(w, xep0227([PIEFXIS]), { dry: true })
  expect(rowsOf(w)).toEqual(before)
  const { figures } = await importInto(w, xep0227([PIEFXIS]))
  expect(dry.figures).toEqual(figures)
})

test('an account that was here before is left alone', async () => {
  using w = later()
  await w.account('romeo@bix.org')
  const report = await importInto(w, xep0227([PIEFXIS]))
  expect(report.figures.accounts).toBe(19)
  expect(w.store.contacts.all(w.store.accounts.find('romeo@bix.org')!)).toEqual([])
  expect(report.rejects.filter(({ owner }) => owner === 'romeo@localhost').map(({ why }) => why)).toContain(
    'an account of that name is here already',
  )
})

/** Push registrations of other servers: those that can ring from here come over, each of the others is told with its reason. */
import { describe, expect, test } from 'bun:test'
import { dirname, join } from 'node:path'
import { ejabberdDump } from '../../src/import/ejabberd-dump.ts'
import { ejabberdSql } from '../../src/import/ejabberd-sql.ts'
import type { Source } from '../../src/import/model.ts'
import { prosodyFiles } from '../../src/import/prosody-files.ts'
import { fixture, importInto, later, logsIn, scratch } from './support.ts'

const TOKEN = '0a'.repeat(32)
const OTHER = 'b1'.repeat(32)

interface Row {
  readonly service: string
  readonly node: string
  readonly fields: Readonly<Record<string, string>>
}

/** Of the host's own service, of one that is an alias of an app here, of somebody's app server, and one without a token. */
const ROWS: readonly Row[] = [
  {
    service: 'push.localhost',
    node: 'n1',
    fields: { device_id: TOKEN, service: 'apns', topic: 'org.bix.chat' },
  },
  { service: 'push.app.example', node: OTHER, fields: { secret: 'x' } },
  { service: 'push.elsewhere.example', node: 'n3', fields: { secret: 'y' } },
  { service: 'push.localhost', node: 'n4', fields: { secret: 'z' } },
]

const CONFIG = {
  toml: `
[push]
simulator = true
[[push.apps]]
topic = "org.bix.chat"
team_id = "TEAM123456"
key_id = "KEY1234567"
key_file = "AuthKey.p8"
aliases = ["push.app.example"]
`,
}

const fieldsOf = ({ fields }: Row) =>
  Object.entries({ FORM_TYPE: 'http://jabber.org/protocol/pubsub#publish-options', ...fields })

const SOURCES: Readonly<Record<string, (files: ReturnType<typeof scratch>) => Source>> = {
  'ejabberd’s dump': (files) => {
    const form = (row: Row) =>
      `{xmlel,<<"x">>,[{<<"xmlns">>,<<"jabber:x:data">>},{<<"type">>,<<"submit">>}],[${fieldsOf(row)
        .map(
          ([name, value]) =>
            `{xmlel,<<"field">>,[{<<"var">>,<<"${name}">>}],[{xmlel,<<"value">>,[],[{xmlcdata,<<"${value}">>}]}]}`,
        )
        .join(',')}]}`
    const text = ROWS.map(
      (row) =>
        `{push_session,{<<"a">>,<<"localhost">>},{1700,0,0},{<<>>,<<"${row.service}">>,<<>>},<<"${row.node}">>,${form(row)}}.\n`,
    )
    return ejabberdDump([
      files.file('dump.txt', `{passwd,{<<"a">>,<<"localhost">>},<<"a good password">>}.\n${text.join('')}`),
    ])
  },
  export2sql: (files) => {
    const text = ROWS.map((row) => {
      const fields = fieldsOf(row).map(
        ([name, value]) => `<field var=''${name}''><value>${value}</value></field>`,
      )
      return `INSERT INTO push_session(username, timestamp, service, node, xml) VALUES ('a', 1, '${row.service}', '${row.node}', '<x xmlns=''jabber:x:data'' type=''submit''>${fields.join('')}</x>');\n`
    })
    const user = `INSERT INTO users(username, password) VALUES ('a', 'a good password');\n`
    return ejabberdSql([files.file('e.sql', user + text.join(''))], 'localhost')
  },
  Prosody: (files) => {
    const entry = (row: Row) =>
      `["${row.service}<${row.node}"] = { ["jid"] = "${row.service}"; ["node"] = "${row.node}"; ["resource"] = "phone"; ["options"] = { ["name"] = "x"; ["attr"] = { ["xmlns"] = "jabber:x:data"; ["type"] = "submit"; }; ${fieldsOf(
        row,
      )
        .map(
          ([name, value]) =>
            `{ ["name"] = "field"; ["attr"] = { ["var"] = "${name}"; ["xmlns"] = "jabber:x:data"; }; { ["name"] = "value"; ["attr"] = { ["xmlns"] = "jabber:x:data"; }; "${value}"; }; };`,
        )
        .join(' ')} }; };`
    const accounts = 'return { ["password"] = "a good password"; };'
    const file = files.file('localhost/accounts/a.dat', accounts)
    files.file('localhost/cloud_notify/a.dat', `return { ${ROWS.map(entry).join('\n')} };`)
    return prosodyFiles([join(dirname(file), '../..')])
  },
}

describe.each(Object.entries(SOURCES))('%s', (what, make) => {
  test.each([false, true])('what can ring comes over, the rest is told; dry run: %p', async (dry) => {
    using w = later(CONFIG)
    using files = scratch()
    const { figures, rejects } = await importInto(w, make(files), { dry })
    expect(figures).toMatchObject({ accounts: 1, push_registrations: 2 })
    expect(rejects.map(({ owner, kind, why }) => `${owner} ${kind} ${why}`)).toEqual([
      'a@localhost push the push service push.elsewhere.example is not of this server; the app registers anew when it next connects',
      'a@localhost push the push service push.bix.org cannot serve it: node: a device token is 32 to 400 hexadecimal digits.; the app registers anew when it next connects',
    ])
    if (dry) return
    const account = w.store.accounts.find('a@bix.org')!
    const devices = () =>
      w.store.push.devices
        .of(account.id)
        .map(({ kind, topic, address, service, node }) => ({ kind, topic, address, service, node }))
    expect(devices()).toEqual([
      { ...{ kind: 'apns', topic: 'org.bix.chat', address: TOKEN }, service: 'push.bix.org', node: 'n1' },
      {
        ...{ kind: 'apns', topic: 'org.bix.chat', address: OTHER },
        service: 'push.app.example',
        node: OTHER,
      },
    ])
    const again = await importInto(w, make(files))
    expect(again.figures).toMatchObject({ push_registrations: 0, already_here: 3 })
    expect(devices()).toHaveLength(2)
    if (what === 'Prosody')
      expect(w.store.push.devices.of(account.id).map(({ sessionKey }) => sessionKey)).toEqual([
        'phone',
        'phone',
      ])
    await logsIn(w, 'a', 'a good password')
  })
})

test('a registration that came over rings', async () => {
  using w = later(CONFIG)
  using files = scratch()
  await importInto(w, SOURCES['ejabberd’s dump']!(files))
  const romeo = await w.online('romeo@bix.org/street')
  romeo.sends(`<message to='a@bix.org' type='chat'><body>Hark!</body></message>`)
  await romeo.settles()
  expect(w.pushed.length).toBeGreaterThan(0)
})

test('where pushes are off each is told', async () => {
  using w = later({ toml: '[push]\nsimulator = false' })
  const { figures, rejects } = await importInto(w, ejabberdDump([fixture('ejabberd/mnesia-dump.txt')]), {
    map: { localhost: 'bix.org', 'push.belfry.example': 'push.bix.org' },
  })
  expect(figures.push_registrations).toBe(0)
  expect(rejects.map(({ why }) => why)).toContain('pushes are off here')
})

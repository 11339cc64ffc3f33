/** An orderly stop of the whole server, also where its last words cannot be written down. */
import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { startServer } from '../../src/server/server.ts'
import { wire, WireClient } from './support.ts'

test('sessions that cannot be saved do not keep the ports, nor the data', async () => {
  await using own = await wire()
  await own.account('juliet@bix.org')
  const phone = await WireClient.direct(own.port('c2s-tls'))
  await phone.logsIn('juliet@bix.org', 'phone')
  phone.send(`<enable xmlns='urn:xmpp:sm:3' resume='true'/>`)
  await phone.ping()
  {
    using elsewhere = new Database(join(own.config.data_dir, 'belfry.db'))
    elsewhere.run(
      `CREATE TRIGGER refuses BEFORE INSERT ON sm_sessions BEGIN SELECT raise(ABORT, 'no room'); END`,
    )
  }
  const { addresses } = own.server
  expect(await own.server.stop().catch(String)).toContain('no room')
  const again = {
    ...own.config,
    http: { ...own.config.http, listen: addresses.filter(isHttp), tls_listen: [] },
  }
  const next = await startServer(again)
  expect(next.addresses.find(isHttp)?.port).toBe(own.port('http'))
  await next.stop()
})

const isHttp = ({ name }: { name: string }): boolean => name === 'http'

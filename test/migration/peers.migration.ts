/**
 * A real ejabberd and a real Prosody, each filled over the wire and exported by its own tools: Belfry takes it over, and the old
 * client finds with the old password what it left there.
 */
import { expect } from 'bun:test'
import { testWith } from '../support/programs.ts'
import { startEjabberd } from './ejabberd.ts'
import { live, PUSH_SERVICE } from './life.ts'
import { findsAll, moveIn, type Part } from './moved.ts'
import { HOST } from './old-client.ts'
import { startProsody } from './prosody.ts'

const PUSH_IS_ELSEWHERE = `romeo@${HOST} push the push service ${PUSH_SERVICE} is not of this server`
const PIEFXIS_LACKS: readonly Part[] = ['archive', 'rooms']

async function moves(
  server: Parameters<typeof moveIn>[0],
  path: string,
  missing: readonly Part[] = [],
): Promise<void> {
  await using moved = await moveIn(server, path)
  expect(moved.report).toMatchObject({ accounts: 4, without_password: 0 })
  const lost = moved.report.rejects.map(({ owner, kind, why }) => `${owner} ${kind} ${why}`)
  expect(lost.filter((line) => !line.startsWith(PUSH_IS_ELSEWHERE))).toEqual([])
  await findsAll(moved.c2s, missing)
}

const withEjabberd = testWith(['/usr/sbin/ejabberdctl'])
withEjabberd('ejabberd with SCRAM keys: dump, export2sql, export_piefxis', async () => {
  await using peer = await startEjabberd('scram')
  await live(peer.c2s)
  const { dump, sql, piefxis } = peer.exports()
  await moves('ejabberd', dump)
  await moves('ejabberd', sql)
  await moves('ejabberd', piefxis, PIEFXIS_LACKS)
})

withEjabberd('ejabberd with plain passwords: dump, export_piefxis', async () => {
  await using peer = await startEjabberd('plain')
  await live(peer.c2s)
  const { dump, piefxis } = peer.exports()
  await moves('ejabberd', dump)
  await moves('xep0227', piefxis, PIEFXIS_LACKS)
})

const withProsody = testWith(['/usr/bin/prosody', '/usr/lib/prosody/modules/mod_cloud_notify'])
for (const storage of ['internal', 'sql'] as const)
  for (const passwords of ['internal_hashed', 'internal_plain'] as const)
    withProsody(`Prosody, storage ${storage}, ${passwords}`, async () => {
      await using peer = await startProsody(storage, passwords)
      await live(peer.c2s)
      await moves('prosody', await peer.stop())
    })

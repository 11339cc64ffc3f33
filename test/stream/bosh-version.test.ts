import { expect, test } from 'bun:test'
import { BIND, bosh, BoshActor } from '../support/bosh.ts'
import { play } from '../support/world.ts'

/** The `ver` with which a request for a session is answered. */
async function versionFor(ver: string): Promise<string | undefined> {
  using p = play()
  const actor = new BoshActor(bosh(p))
  const said = ver === '' ? '' : `ver='${ver}'`
  const { answer } = actor.posts(`<body xmlns='${BIND}' rid='1' to='bix.org' ${said} wait='60' hold='1'/>`)
  return (await answer).attrs.ver
}

for (const [asked, agreed] of [
  ['1.6', '1.6'],
  ['1.11', '1.11'],
  ['1.12', '1.11'],
  ['1.9', '1.9'],
  ['0.9', '0.9'],
  ['2.0', '1.11'],
  ['', '1.11'],
  ['new', '1.11'],
] as const)
  test(`XEP-0124 §7.1, §7.2: to a client of version “${asked}” it speaks ${agreed}, counted number by number`, async () => {
    expect(await versionFor(asked)).toBe(agreed)
  })

/** Belfry on what another server has exported, and what people find there with the client that they had. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'bun:test'
import { type Attrs, child, childText, type Element, elements, firstElement } from '../../src/xmpp/xml.ts'
import { COMMAND, listening } from '../bench/server.ts'
import { freePort } from '../support/ports.ts'
import * as was from './life.ts'
import { HOST, OldClient } from './old-client.ts'

/** Parts of a life that a form of export may leave out. */
export type Part = 'archive' | 'rooms' | 'bookmarks'

export interface Report {
  readonly accounts: number
  readonly without_password: number
  readonly rejects: readonly { readonly owner: string; readonly kind: string; readonly why: string }[]
}

export interface Moved extends AsyncDisposable {
  readonly report: Report
  readonly c2s: number
}

/** Imports by the command line, as an operator does, and starts what came of it. */
export async function moveIn(server: 'ejabberd' | 'prosody' | 'xep0227', path: string): Promise<Moved> {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-moved-'))
  const c2s = await freePort()
  const config = join(dir, 'belfry.toml')
  writeFileSync(
    config,
    `hosts = ["${HOST}"]
data_dir = "${join(dir, 'data')}"
[c2s]
listen = ["127.0.0.1:${c2s}"]
direct_tls_listen = []
[http]
listen = []
`,
  )
  const words = ['import', server, path]
  const run = Bun.spawnSync([...COMMAND, ...words, '--config', config, '-o', 'json'], { stdin: 'ignore' })
  if (run.exitCode !== 0) throw new Error(`${words.join(' ')}: ${run.stderr.toString()}`)
  const child = Bun.spawn([...COMMAND, 'serve', '--config', config], {
    stdin: 'ignore',
    stdout: Bun.file(join(dir, 'out.log')),
    stderr: Bun.file(join(dir, 'err.log')),
  })
  await listening(c2s, dir)
  return {
    report: JSON.parse(run.stdout.toString()) as Report,
    c2s,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await child.exited
      rmSync(dir, { recursive: true })
    },
  }
}

/** Everybody logs in with the old password and finds what was left. */
export async function findsAll(port: number, missing: readonly Part[] = []): Promise<void> {
  const romeo = await OldClient.login(port, was.PEOPLE.romeo, 'SCRAM-SHA-1')
  await findsContacts(romeo)
  await findsBelongings(romeo, missing)
  if (!missing.includes('archive')) expect(await archiveOf(romeo)).toEqual([...was.SAID, ...was.WAITING])
  if (!missing.includes('rooms')) await findsRoom(romeo)
  await findsWaiting(await OldClient.login(port, was.PEOPLE.juliet, 'SCRAM-SHA-1'))
  for (const person of [was.PEOPLE.nurse, was.PEOPLE.tybalt])
    await (await OldClient.login(port, person, 'SCRAM-SHA-1')).leaves()
  await romeo.leaves()
}

const payload = (answer: Element): Element => firstElement(answer) ?? answer

async function findsContacts(romeo: OldClient): Promise<void> {
  const roster = await romeo.asks('get', "<query xmlns='jabber:iq:roster'/>")
  const items = elements(payload(roster)).map((item) => {
    const { jid, name, subscription, ask } = item.attrs as Attrs
    return {
      jid,
      name,
      subscription,
      ask,
      groups: elements(item)
        .map((group) => group.getText())
        .sort(),
    }
  })
  const [juliet, nurse] = items.toSorted((a, b) => (a.jid ?? '').localeCompare(b.jid ?? ''))
  expect(juliet).toMatchObject({ jid: `juliet@${HOST}`, ...was.CONTACT, subscription: 'both' })
  expect(nurse).toMatchObject({ jid: `nurse@${HOST}`, subscription: 'none', ask: 'subscribe' })
}

async function findsBelongings(romeo: OldClient, missing: readonly Part[]): Promise<void> {
  const card = await romeo.asks('get', "<vCard xmlns='vcard-temp'/>")
  expect(childText(payload(card), 'FN')).toBe(was.VCARD_NAME)
  const list = await romeo.asks('get', "<blocklist xmlns='urn:xmpp:blocking'/>")
  expect(elements(payload(list)).map(({ attrs }) => attrs.jid)).toEqual([was.BLOCKED])
  if (missing.includes('bookmarks')) return
  const storage = "<storage xmlns='storage:bookmarks'/>"
  const kept = await romeo.asks('get', `<query xmlns='jabber:iq:private'>${storage}</query>`)
  expect(kept.toString()).toContain(was.BOOKMARK)
}

/** Bodies of what the archive tells, in its order. */
async function archiveOf(client: OldClient, of?: string): Promise<string[]> {
  await client.asks('set', "<query xmlns='urn:xmpp:mam:2'/>", of)
  const told = client.seen.flatMap((el) => {
    const result = child(el, 'result', 'urn:xmpp:mam:2')
    const message = result && messageIn(result)
    return message ? [childText(message, 'body')] : []
  })
  client.seen.length = 0
  return told.filter((body) => body !== undefined)
}

function messageIn(result: Element): Element | undefined {
  const forwarded = child(result, 'forwarded', 'urn:xmpp:forward:0')
  return forwarded && child(forwarded, 'message', 'jabber:client')
}

async function findsRoom(romeo: OldClient): Promise<void> {
  romeo.sends(`<presence to='${was.ROOM}/Ro'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
  const self = await romeo.until(({ attrs }) => attrs.from === `${was.ROOM}/Ro`)
  expect(self.toString()).toContain('affiliation="owner"')
  await romeo.until((el) => childText(el, 'subject') === 'Feud & love')
  for (const [name, affiliation] of was.STANDINGS) {
    const query = `<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='${affiliation}'/></query>`
    expect((await romeo.asks('get', query, was.ROOM)).toString()).toContain(`jid="${name}@${HOST}"`)
  }
  romeo.seen.length = 0
  expect(await archiveOf(romeo, was.ROOM)).toEqual(was.SPOKEN)
}

async function findsWaiting(juliet: OldClient): Promise<void> {
  juliet.sends('<presence/>')
  const bodies: (string | undefined)[] = []
  for (const _ of was.WAITING)
    bodies.push(childText(await juliet.until(({ name }) => name === 'message'), 'body'))
  expect(bodies).toEqual(was.WAITING)
  await juliet.until(({ attrs }) => attrs.type === 'subscribe' && attrs.from === `tybalt@${HOST}`)
  await juliet.leaves()
}

/** profanity over TCP and STARTTLS: chat, history, carbons, a cut network and a restart. */
import { expect } from 'bun:test'
import { Cable } from '../support/cable.ts'
import { Profanity, profanityTest } from '../support/profanity.ts'
import { befriend, says, times, watches } from './contact.ts'
import { PASSWORD, type Wire, wire } from './support.ts'

const JULIET = 'juliet@bix.org'

const starts = (port: number, resource: string, history = false): Promise<Profanity> =>
  Profanity.start({ jid: JULIET, password: PASSWORD, resource, port, history })

/** When the account's sessions began: whoever resumes keeps his. */
async function sessions(own: Wire): Promise<string[]> {
  const answer = await own.ask('GET', `/v1/users/${JULIET}/sessions`)
  // The server's own schema.
  const { items } = (await answer.json()) as { items: { resource: string; since: string }[] }
  return items.map(({ resource, since }) => `${resource} ${since}`)
}

profanityTest('profanity over a cut network and a restart: each message once', async () => {
  await using own = await wire()
  for (const jid of ['romeo@bix.org', JULIET]) await own.account(jid)
  await befriend(own)
  await using cable = await Cable.to(own.port('c2s'))
  let romeo = await watches(own)
  await using juliet = await starts(cable.port, 'terminal')
  await juliet.types('/msg romeo@bix.org Ay me')
  expect(await romeo.body()).toBe('Ay me')
  romeo.send(says('before'))
  await juliet.chat('me: Ay me', 'before')

  {
    await using desk = await starts(own.port('c2s'), 'desk')
    await desk.types('/msg romeo@bix.org from the desk')
    expect(await romeo.body()).toBe('from the desk')
    await juliet.chat('me: Ay me', 'before', 'me: from the desk')
    await desk.types('/quit')
    await romeo.until(({ attrs }) => attrs.from === `${JULIET}/desk` && attrs.type === 'unavailable')
  }
  const [since] = await sessions(own)
  const heard = romeo.text.length

  cable.cut()
  romeo.send(says('into the dark'))
  await romeo.ping()
  cable.mend()
  const all = ['me: Ay me', 'before', 'me: from the desk', 'into the dark']
  await juliet.chat(...all)
  await romeo.ping()
  // Whoever resumes was never gone.
  expect(romeo.text.slice(heard)).not.toContain('unavailable')
  expect(await sessions(own)).toEqual([since ?? ''])

  // COMPAT(profanity, 0.13.1): its library takes the </stream:stream> of a server that stops for the end of the session,
  // so it begins anew. Its answer is behind its <a/>: the message before it need not come again.
  await juliet.types('got it')
  expect(await romeo.body()).toBe('got it')
  await own.restart()
  romeo = await watches(own)
  romeo.send(says('after it'))
  all.push('me: got it', 'after it')
  await juliet.chat(...all)
  const [anew, ...more] = await sessions(own)
  expect([anew?.startsWith('terminal '), anew === since, more]).toEqual([true, false, []])
  await juliet.types('at last')
  expect(await romeo.body()).toBe('at last')
  await juliet.chat(...all, 'me: at last')
  await romeo.ping()
  expect(times(romeo, 'at last')).toBe(1)

  await using laptop = await starts(own.port('c2s'), 'laptop', true)
  await laptop.types('/msg romeo@bix.org')
  await laptop.history(...all, 'me: at last')
  romeo.close()
})

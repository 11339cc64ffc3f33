/** Verbs and operations: each verb asks the API or says why not, each operation has a verb or says why not; `--curl`. */
import { afterAll, beforeAll, describe, expect, spyOn, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { CALLS, NO_VERB } from '../../src/cli/calls.ts'
import { buildProgram, nameOf, runCli } from '../../src/cli/program.ts'
import { listenSocket } from '../../src/http/serve.ts'
import { startHttp } from '../http/support.ts'

const verbsOf = (command: Command): Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(verbsOf)
const verbs = verbsOf(buildProgram().program)

interface Description {
  readonly paths: Record<string, Record<string, { operationId: string }>>
}

async function operations(): Promise<{ method: string; path: string; operationId: string }[]> {
  using w = await startHttp()
  const { paths } = (await (await w.call('GET', '/v1/openapi.json')).json()) as Description
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => ({
      method: method.toUpperCase(),
      path,
      operationId,
    })),
  )
}

test('each verb is in the table of calls, and each line of it is a verb', () => {
  expect(Object.keys(CALLS).toSorted()).toEqual(verbs.map(nameOf).toSorted())
})

test('each operation has a verb or a reason, never both, and each that is named is there', async () => {
  const ids = (await operations()).map(({ operationId }) => operationId)
  const called = new Set(Object.values(CALLS).flatMap((call) => ('local' in call ? [] : call)))
  // The one that is followed by all that take long.
  called.add('getJob')
  expect([...called, ...Object.keys(NO_VERB)].toSorted()).toEqual(ids.toSorted())
})

describe('--curl', () => {
  let home: string
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'belfry-curl-'))
    writeFileSync(join(home, 'belfry.toml'), `hosts = ["bix.org"]\ndata_dir = "${home}/data"\n`)
  })
  afterAll(() => rmSync(home, { recursive: true }))

  /** In this process: so many verbs as processes would take a minute. */
  async function belfry(...args: string[]) {
    const out = spyOn(process.stdout, 'write').mockReturnValue(true)
    const err = spyOn(process.stderr, 'write').mockReturnValue(true)
    try {
      const code = await runCli(['-c', join(home, 'belfry.toml'), ...args])
      const said = (spy: typeof out): string => spy.mock.calls.map(([text]) => String(text)).join('')
      return { out: said(out), err: said(err), code }
    } finally {
      out.mockRestore()
      err.mockRestore()
    }
  }

  const VALUES: Record<string, string> = {
    jid: 'juliet@bix.org',
    room: 'verona@conference.bix.org',
    to: 'juliet@bix.org',
    address: '192.0.2.1',
    id: '7',
    shell: 'bash',
  }
  const OPTIONS: Record<string, string[]> = {
    'room change': ['--name', "Romeo's"],
    'upload purge': ['--account', 'juliet@bix.org'],
    'token create': ['--scope', 'status'],
    'push channel list': ['--topic', 'org.bix.chat'],
    'push channel show': ['--topic', 'org.bix.chat'],
    'push channel create': ['--topic', 'org.bix.chat'],
    'push channel delete': ['--topic', 'org.bix.chat'],
    'push channel send': ['--topic', 'org.bix.chat', '--aps', '{"event":"end"}'],
    'push send': ['--to', 'juliet@bix.org', '--body', 'Dinner is ready'],
  }

  test('every verb that asks the API prints the call of its first operation; every other says why not', async () => {
    const all = await operations()
    const found: unknown[] = []
    for (const verb of verbs) {
      const name = nameOf(verb)
      const words = verb.registeredArguments.map((arg) => VALUES[arg.name()] ?? '1')
      const { out, err, code } = await belfry(
        '--curl',
        ...name.split(' '),
        ...words,
        ...(OPTIONS[name] ?? []),
      )
      const call = CALLS[name] ?? []
      const first = 'local' in call ? undefined : all.find(({ operationId }) => operationId === call[0])
      const [, method = 'GET'] = / -X (\w+) /.exec(out) ?? []
      const [, path = ''] = /http:\/\/localhost([^?'\s]+)/.exec(out) ?? []
      const pattern = new RegExp(`^${first?.path.replace(/\{\w+\}/g, '[^/]+') ?? 'none'}$`)
      const right = out.split('\n').length === 2 && method === first?.method && pattern.test(path)
      found.push([name, code, 'local' in call ? err.includes(call.local) : right])
    }
    const expected = verbs.map((verb) => [nameOf(verb), 'local' in (CALLS[nameOf(verb)] ?? []) ? 2 : 0, true])
    expect(found).toEqual(expected)
  })

  test('no secret is in it, and a shell takes it as it stands', async () => {
    const { out } = await belfry('--curl', 'user', 'add', 'juliet@bix.org', '--password-stdin')
    expect(out).toContain('"password":"********"')
    const change = await belfry(
      '--curl',
      'room',
      'change',
      'verona@conference.bix.org',
      '--name',
      "it's $HOME `x`",
    )
    const words = Bun.spawnSync([
      'sh',
      '-c',
      `set -- ${change.out.trim()}; printf '%s\\n' "$@"`,
    ]).stdout.toString()
    expect(words.split('\n')).toContain('{"name":"it\'s $HOME `x`"}')
  })

  test('push send: options become one item, a file the whole request, and what does not fit is told', async () => {
    const item = async (...options: string[]) => {
      const { out, err } = await belfry('--curl', 'push', 'send', ...options)
      const sent = / -d '(.*)' http/.exec(out)?.[1]
      return sent === undefined ? err : (JSON.parse(sent) as unknown)
    }
    const to = ['--to', 'juliet@bix.org']
    expect(
      await item(...to, '--title', 'Verona', '--body', 'Dinner', '--collapse-id', 'o7', '--ttl', '60'),
    ).toEqual({
      items: [
        {
          type: 'alert',
          collapse_id: 'o7',
          to: { jid: 'juliet@bix.org' },
          aps: { alert: { title: 'Verona', body: 'Dinner' }, sound: 'default' },
          ttl: 60,
        },
      ],
    })
    expect(await item('--device', '7', '8', '--type', 'background', '--data', '{"a":1}')).toEqual({
      items: [{ type: 'background', to: { devices: ['7', '8'] }, data: { a: 1 } }],
    })
    expect(await item('--token', 'ab', '--kind', 'widget', '--type', 'widgets')).toEqual({
      items: [{ type: 'widgets', to: { kind: 'widget', tokens: ['ab'] } }],
    })
    const file = join(home, 'items.json')
    writeFileSync(file, '{"items":[]}')
    expect(await item('--file', file)).toEqual({ items: [] })
    expect(await item()).toContain('name one of --to, --device, --token and --file')
    expect(await item(...to, '--device', '7')).toContain('name one of')
    expect(await item('--token', 'ab')).toContain('--token needs --kind')
    expect(await item(...to, '--data', '{')).toContain('--data is not JSON')
    expect(await item(...to, '--type', 'widgets', '--body', 'x')).toContain('are of an alert')
    expect(await item('--file', join(home, 'nothing.json'))).toContain('cannot be read')
  })

  test('the printed call is answered by a running server', async () => {
    using w = await startHttp()
    mkdirSync(join(home, 'data'))
    const options = { maxBody: 1_048_576, maxFrame: 524_288, idle: 30_000, webSocketIdle: 240_000 }
    const listener = await listenSocket(w.app, join(home, 'data/admin.sock'), options)
    try {
      const { out } = await belfry('--curl', 'status')
      const answer = await new Response(Bun.spawn(['sh', '-c', out], { stdout: 'pipe' }).stdout).text()
      expect(answer).toContain('"version"')
    } finally {
      await listener.stop()
    }
  })
})

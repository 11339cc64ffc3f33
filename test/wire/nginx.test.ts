/** The README's lines for nginx, word for word, between a web client and the server. */
import { expect } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../support/ports.ts'
import { testWith } from '../support/programs.ts'
import { wire } from './support.ts'
import { WebClient } from './web-support.ts'

const NGINX = '/usr/sbin/nginx'
const README = readFileSync(join(import.meta.dir, '../../README.md'), 'utf8')
const lines = /```nginx\n([^]*?)```/.exec(README)?.[1] ?? ''

testWith([NGINX])(
  'nginx as in the README: WebSocket, BOSH, host-meta and invitations over its TLS',
  async () => {
    await using own = await wire({ auth: 'plain = true' })
    own.config.http.public_url = 'https://bix.org'
    await own.account('romeo@bix.org')
    const directory = mkdtempSync(join(tmpdir(), 'belfry-nginx-'))
    const port = await freePort()
    const file = join(directory, 'nginx.conf')
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${directory}/${name};`)
      .join('\n')
    writeFileSync(
      file,
      `daemon off; pid ${directory}/pid; error_log stderr; events {}
http { access_log off; ${temporary}
server { listen 127.0.0.1:${port} ssl; server_name bix.org;
ssl_certificate ${own.directory}/bix.org.crt; ssl_certificate_key ${own.directory}/bix.org.key;
${lines.replace(':5280', `:${own.port('http')}`)} } }`,
    )
    const nginx = Bun.spawn([NGINX, '-c', file, '-p', directory], { stderr: 'pipe' })
    try {
      const base = `https://127.0.0.1:${port}`
      const ask = (path: string, init: BunFetchRequestInit = {}) =>
        fetch(base + path, {
          ...init,
          headers: { host: 'bix.org', origin: 'https://bix.org' },
          tls: { rejectUnauthorized: false },
        })
      while (!(await ask('/http-bind').catch(() => undefined)));
      expect(await (await ask('/.well-known/host-meta.json')).json()).toMatchObject({
        links: [{ href: 'wss://bix.org/xmpp-websocket' }, { href: 'https://bix.org/http-bind' }],
      })
      const made = await (await own.ask('POST', '/v1/invites', {})).text()
      const page = /"url":"https:\/\/bix\.org(\/invite\/\w+)"/.exec(made)?.[1] ?? made
      expect(await (await ask(page)).text()).toContain('You are invited')
      const form = new URLSearchParams({ name: 'balthasar', password: 'swear not by the moon' })
      expect((await ask(page, { method: 'POST', body: form })).status).toBe(201)
      const body = `<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='bix.org' wait='1' hold='1'/>`
      expect(await (await ask('/http-bind', { method: 'POST', body })).text()).toContain('<mechanism>PLAIN')
      const client = await WebClient.connect(port, { scheme: 'wss', headers: { host: 'bix.org' } })
      await client.logsIn('romeo')
      client.close()
    } finally {
      nginx.kill()
      await nginx.exited
      rmSync(directory, { recursive: true })
    }
  },
)

/** An HTTP/2 server that nobody here wrote and that costs little, in Apple's place: it takes everything after a delay. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSelfSigned } from '../../src/self-signed.ts'
import { freePort } from './server.ts'

const NGINX = '/usr/sbin/nginx'
/** Debian's nginx-light brings it along: nginx itself cannot wait. */
const ECHO = '/usr/lib/nginx/modules/ngx_http_echo_module.so'

export interface Taker {
  readonly url: string
  readonly caFile: string
  stop(): Promise<void>
}

/** `dir` must exist; each answer is 200 after `delayMs`. */
export async function startTaker(dir: string, delayMs: number): Promise<Taker> {
  for (const file of [NGINX, ECHO]) if (!existsSync(file)) throw new Error(`this benchmark needs ${file}`)
  const port = await freePort()
  const { cert, key } = createSelfSigned(['localhost'], Date.now())
  writeFileSync(join(dir, 'ca.pem'), cert)
  writeFileSync(join(dir, 'apple.key'), key)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${dir}/${name};`)
    .join('\n')
  writeFileSync(
    join(dir, 'nginx.conf'),
    `load_module ${ECHO};
daemon off; worker_processes 1; pid ${dir}/nginx.pid; error_log ${dir}/nginx.log; events { worker_connections 4096; }
http { access_log off; ${temporary}
server { listen 127.0.0.1:${port} ssl http2; http2_max_concurrent_streams 1000; keepalive_requests 100000000;
ssl_certificate ${dir}/ca.pem; ssl_certificate_key ${dir}/apple.key;
location / { ${delayMs > 0 ? `echo_sleep ${delayMs / 1000}; echo -n '';` : "return 200 '';"} } } }`,
  )
  const child = Bun.spawn([NGINX, '-c', join(dir, 'nginx.conf'), '-p', dir], { stderr: 'ignore' })
  const url = `https://localhost:${port}`
  const tls = { ca: readFileSync(join(dir, 'ca.pem'), 'utf8') }
  const until = performance.now() + 10_000
  while (!(await fetch(url, { tls }).catch(() => undefined))) {
    if (performance.now() > until) throw new Error('nginx does not start')
    await Bun.sleep(5)
  }
  return {
    url,
    caFile: join(dir, 'ca.pem'),
    async stop() {
      child.kill()
      await child.exited
    },
  }
}

/**
 * The Dockerfile without Docker: `npm run test:docker-root`, as root, with debootstrap and a Debian mirror in reach.
 * Its RUN lines are executed in order in a fresh Debian root (chroot), COPY is done by hand within .dockerignore, and
 * what comes out is started as its own user. Node is this machine's, since its image is not to be had this way.
 * Everything that is mounted lives in a mount namespace of one command and is gone with it.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { last, parseDockerfile, type Stage, words } from './dockerfile.ts'

const ROOT = join(import.meta.dir, '../..')
/** debootstrap's own choice unless this is set. */
const MIRROR = process.env.DEBIAN_MIRROR
const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' }

const [build, final, ...more] = parseDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'))
const allowed = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
let home = ''

beforeAll(() => {
  if (process.getuid?.() !== 0) throw new Error('this needs root: debootstrap and chroot')
  home = mkdtempSync(join(tmpdir(), 'belfry-docker-'))
  must('debootstrap', [
    '--variant=minbase',
    'bookworm',
    join(home, 'debian'),
    ...(MIRROR === undefined ? [] : [MIRROR]),
  ])
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

function must(command: string, args: string[], env: Record<string, string> = {}): string {
  const run = Bun.spawnSync([command, ...args], { env: { ...ENV, ...env } })
  const out = run.stdout.toString()
  if (run.exitCode === 0) return out
  throw new Error(`${command} ended with ${run.exitCode}:\n${(out + run.stderr.toString()).slice(-4000)}`)
}

/** Runs a shell line inside a root, in a mount namespace with /proc and /dev; `alone` leaves it only a loopback. */
function inside(root: string, line: string, env: Record<string, string>, alone = false): string {
  const script = [
    'set -e',
    'mount -t proc proc "$0/proc"',
    'mount --rbind /dev "$0/dev"',
    ...(alone ? ['ip link set lo up'] : []),
    'exec chroot "$0" /bin/sh -c "$1"',
  ].join('\n')
  const apart = ['--mount', '--pid', '--fork', ...(alone ? ['--net'] : [])]
  return must('unshare', [...apart, 'sh', '-c', script, root, line], env)
}

/** COPY of files that .dockerignore lets into the context, or from an earlier stage. */
function copy(root: string, cwd: string, rest: string, stages: ReadonlyMap<string, string>): void {
  const parts = rest.split(' ')
  const from = parts[0]?.startsWith('--from=') ? parts.shift()?.slice('--from='.length) : undefined
  const target = parts.pop() ?? ''
  const base = from === undefined ? ROOT : stages.get(from)
  if (base === undefined) throw new Error(`COPY from a stage that is not there: ${from}`)
  for (const source of parts) {
    if (from === undefined && !allowed.includes(`\n!${source}\n`))
      throw new Error(`.dockerignore keeps ${source} out of the context`)
    const path = join(base, source)
    const into = join(root, target.startsWith('/') ? target : join(cwd, target))
    // A directory gives its content; a file goes into a directory or takes the name.
    const isInto =
      target.endsWith('/') || parts.length > 1 || (existsSync(into) && statSync(into).isDirectory())
    cpSync(path, isInto && statSync(path).isFile() ? join(into, basename(source)) : into, { recursive: true })
  }
}

/** Runs the instructions of a stage in its root; returns where the stage's WORKDIR and ENV ended. */
function follow(stage: Stage, root: string, stages: ReadonlyMap<string, string>, given = {}) {
  const env: Record<string, string> = { ...given }
  let cwd = '/'
  for (const { verb, rest } of stage.instructions) {
    if (verb === 'WORKDIR') {
      cwd = rest
      mkdirSync(join(root, cwd), { recursive: true })
    } else if (verb === 'ENV') env[rest.split('=')[0] ?? ''] = rest.slice(rest.indexOf('=') + 1)
    else if (verb === 'COPY') copy(root, cwd, rest, stages)
    else if (verb === 'RUN') inside(root, `cd ${cwd} && ${rest}`, env)
  }
  return { env, cwd }
}

/**
 * Stands in for the node image: this machine's Node and npm in the Debian root, and the way to the network.
 * Returns the environment that it needs: where this machine's network has a certificate authority of its own.
 */
function giveNode(root: string): Record<string, string> {
  cpSync(Bun.which('node') ?? '/usr/bin/node', join(root, 'usr/local/bin/node'), { dereference: true })
  const npm = must('npm', ['root', '--global']).trim()
  cpSync(join(npm, 'npm'), join(root, 'usr/local/lib/node_modules/npm'), { recursive: true })
  must('ln', ['-s', '../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm')])
  for (const file of ['resolv.conf', 'hosts']) cpSync(`/etc/${file}`, join(root, 'etc', file))
  const authority = process.env.NODE_EXTRA_CA_CERTS
  if (authority === undefined) return {}
  cpSync(authority, join(root, 'etc/extra-ca.pem'), { dereference: true })
  return { NODE_EXTRA_CA_CERTS: '/etc/extra-ca.pem' }
}

test('both stages build, and the image’s program starts as its user and answers the HEALTHCHECK', () => {
  if (!build || !final) throw new Error('two stages are expected')
  expect(more).toEqual([])
  const [made, image] = [join(home, 'build'), join(home, 'image')]
  for (const root of [made, image]) must('cp', ['-a', join(home, 'debian'), root])
  follow(build, made, new Map(), giveNode(made))
  const { env, cwd } = follow(final, image, new Map([[build.name ?? '', made]]))

  // What the image leaves to the container's owner must be reachable for the user that it runs as.
  const user = last(final, 'USER')
  expect(statSync(join(image, last(final, 'VOLUME'))).uid).toBe(
    Number(inside(image, `id -u ${user}`, {}).trim()),
  )

  const health = /CMD (.*)$/.exec(last(final, 'HEALTHCHECK'))?.[1] ?? ''
  const serve = [...words(last(final, 'ENTRYPOINT')), ...words(last(final, 'CMD'))].join(' ')
  const script = [
    `cd ${cwd}; id -un`,
    `${serve} >/tmp/out 2>&1 & server=$!`,
    `for i in $(seq 50); do ${words(health).join(' ')} && break; sleep 0.2; done`,
    'echo "user of the server: $(stat -c %U /proc/$server)"',
    `kill -s ${last(final, 'STOPSIGNAL').replace(/^SIG/, '')} $server; wait $server; echo "ended with $?"`,
    'cat /tmp/out',
  ].join('\n')
  const said = inside(
    image,
    `exec setpriv --reuid ${user} --regid ${user} --init-groups sh -c '${script}'`,
    env,
    true,
  )
  expect(said).toStartWith(`${user}\n`)
  expect(said).toContain(`user of the server: ${user}\n`)
  expect(said).toContain('\nready\n')
  expect(said).toContain('ended with 0')
})

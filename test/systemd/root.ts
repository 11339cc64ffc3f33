/** A fresh Debian root that boots its own systemd in a namespace, from the machine's own package source. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const INCLUDE = 'systemd,systemd-sysv,dbus,curl'
const TOOLS = ['debootstrap', 'systemd-nspawn', 'timeout']

interface Source {
  readonly uri: string
  readonly suite: string
}

/** The entries of apt's one-line and deb822 files (sources.list(5)). */
export function sourcesOf(text: string): Source[] {
  const entries: { uris: string[]; suites: string[] }[] = []
  for (const line of text.split('\n')) {
    const [, uri, suite] = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s/.exec(line) ?? []
    if (uri !== undefined && suite !== undefined) entries.push({ uris: [uri], suites: [suite] })
  }
  for (const stanza of text.split(/\n\s*\n/)) {
    const field = (name: string): string[] =>
      (new RegExp(`^${name}:(.*)$`, 'im').exec(stanza)?.[1] ?? '').split(/\s+/).filter(Boolean)
    if (field('Types').includes('deb')) entries.push({ uris: field('URIs'), suites: field('Suites') })
  }
  return entries.flatMap(({ uris, suites }) => uris.flatMap((uri) => suites.map((suite) => ({ uri, suite }))))
}

/** Of this machine's sources the one that has its own release: third parties name their suites otherwise. */
function distribution(): Source | undefined {
  const release = /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]
  const parts = '/etc/apt/sources.list.d'
  const files = existsSync(parts)
    ? readdirSync(parts)
        .toSorted()
        .map((name) => join(parts, name))
    : []
  return [...files, '/etc/apt/sources.list']
    .filter((file) => existsSync(file))
    .flatMap((file) => sourcesOf(readFileSync(file, 'utf8')))
    .find(({ suite }) => suite === release)
}

/** Why no root can be booted here; nothing where one can. */
export function whyNot(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'it needs Linux and root'
  const missing = TOOLS.filter((tool) => Bun.which(tool) === null)
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`
  if (!distribution()) return 'the sources of apt name no release of this machine'
  return undefined
}

export function must(command: readonly string[]): string {
  const run = Bun.spawnSync([...command], { stdin: 'ignore' })
  const out = run.stdout.toString()
  if (run.exitCode === 0) return out
  throw new Error(
    `${command.join(' ')} ended with ${run.exitCode}:\n${(out + run.stderr.toString()).slice(-4000)}`,
  )
}

/** Made once and kept outside the tree; a minute and a half. */
export function cachedRoot(): string {
  const source = distribution()
  if (!source) throw new Error('no source')
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'belfry-test')
  const root = join(cache, `${source.suite}-${INCLUDE.replaceAll(',', '-')}`)
  if (existsSync(root)) return root
  mkdirSync(cache, { recursive: true })
  const making = `${root}.${process.pid}`
  try {
    must(['debootstrap', '--variant=minbase', `--include=${INCLUDE}`, source.suite, making, source.uri])
    renameSync(making, root)
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
  return root
}

/** Boots the root until its own probe switches it off. nspawn does not always end by itself then, so it is ended. */
export function boot(root: string, seconds: number): string {
  const nspawn = [
    'systemd-nspawn',
    '-q',
    '-D',
    root,
    '--boot',
    '--private-network',
    '--register=no',
    '--keep-unit',
  ]
  const run = Bun.spawnSync(['timeout', '-k', '5', String(seconds), ...nspawn], { stdin: 'ignore' })
  return run.stdout.toString() + run.stderr.toString()
}

/**
 * Packages of what `build.ts` has built: `bun src/packaging/release.ts` of every target, `--here` of this machine's alone.
 * Tarballs, .deb, .rpm, a bill of materials, and SHA256SUMS. The time in them is that of the last commit.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { makeDeb, makeRpm, makeTarball, type Parts, read } from './packages.ts'
import { billOf, componentsOf, licencesOf } from './sbom.ts'

const ROOT = join(import.meta.dir, '../..')
const DIST = join(ROOT, 'dist')

interface Target {
  readonly file: string
  readonly name: string
  readonly deb?: string
  readonly rpm?: string
}

const TARGETS: readonly Target[] = [
  { file: 'belfry-linux-x64', name: 'linux-x64', deb: 'amd64', rpm: 'x86_64' },
  { file: 'belfry-linux-x64-baseline', name: 'linux-x64-baseline' },
  { file: 'belfry-linux-arm64', name: 'linux-arm64', deb: 'arm64', rpm: 'aarch64' },
  { file: 'belfry-linux-x64-musl', name: 'linux-x64-musl' },
]
const HERE: readonly Target[] = [
  { ...(process.arch === 'arm64' ? TARGETS[2] : TARGETS[0]), file: 'belfry', name: 'here' },
]

function epoch(): number {
  const given = Number(process.env.SOURCE_DATE_EPOCH)
  if (given > 0) return given
  const git = Bun.spawnSync(['git', 'log', '-1', '--format=%ct'], { cwd: ROOT, stderr: 'ignore' })
  return Number(git.stdout.toString().trim()) || 0
}

/** Output of the program itself, which knows its verbs and keys. */
function said(...args: string[]): string {
  const told = Bun.spawnSync([process.execPath, join(ROOT, 'src/main.ts'), ...args], { stderr: 'inherit' })
  if (!told.success) throw new Error(`belfry ${args.join(' ')} failed`)
  return told.stdout.toString()
}

function example(): string {
  const home = mkdtempSync(join(tmpdir(), 'belfry-example-'))
  try {
    const file = join(home, 'belfry.toml')
    said('--config', file, 'config', 'init', '--host', 'example.org', '--data-dir', '/var/lib/belfry')
    return read(file)
  } finally {
    rmSync(home, { recursive: true })
  }
}

/** A version of the package alone may be given, to try an update with. */
const version =
  process.env.BELFRY_PACKAGE_VERSION ??
  (JSON.parse(read(join(ROOT, 'package.json'))) as { version: string }).version
const components = componentsOf(join(ROOT, 'package-lock.json'))
const bill = billOf(components, version)
const doc = 'usr/share/doc/belfry'
const files = {
  'usr/lib/systemd/system/belfry.service': read(join(ROOT, 'src/packaging/belfry.service')),
  'usr/share/bash-completion/completions/belfry': said('completion', 'bash'),
  'usr/share/zsh/site-functions/_belfry': said('completion', 'zsh'),
  'usr/share/fish/vendor_completions.d/belfry.fish': said('completion', 'fish'),
  'usr/share/man/man8/belfry.8.gz': said('man'),
  [`${doc}/examples/belfry.toml`]: example(),
  [`${doc}/changelog.gz`]: read(join(ROOT, 'CHANGELOG.md')),
  [`${doc}/copyright`]: read(join(ROOT, 'LICENSE')),
  [`${doc}/licences.txt`]: licencesOf(components),
  [`${doc}/sbom.cdx.json`]: bill,
}
const made: string[] = []

function make(path: string, f: (path: string) => void): void {
  f(path)
  made.push(path)
  process.stdout.write(`dist/${basename(path)}\n`)
}

for (const { file, name, deb, rpm } of process.argv.includes('--here') ? HERE : TARGETS) {
  const binary = join(DIST, file)
  if (!existsSync(binary)) throw new Error(`${binary} is not there: build it first`)
  const parts: Parts = { version, binary, files, epoch: epoch() }
  if (deb !== undefined) make(join(DIST, `belfry_${version}_${deb}.deb`), (path) => makeDeb(parts, deb, path))
  if (rpm !== undefined)
    make(join(DIST, `belfry-${version}-1.${rpm}.rpm`), (path) => makeRpm(parts, rpm, path))
  if (name !== 'here')
    make(join(DIST, `belfry-${version}-${name}.tar.xz`), (path) =>
      makeTarball(parts, `belfry-${version}`, path),
    )
}
make(join(DIST, `belfry-${version}.cdx.json`), (path) => writeFileSync(path, bill))
const sums = made.map(
  (path) => `${createHash('sha256').update(readFileSync(path)).digest('hex')}  ${basename(path)}\n`,
)
writeFileSync(join(DIST, 'SHA256SUMS'), sums.join(''))

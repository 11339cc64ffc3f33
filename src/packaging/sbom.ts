/** Bill of materials (CycloneDX 1.5) and list of licences of what is inside the executable, from the lock file. */
import { readFileSync } from 'node:fs'

interface Locked {
  readonly version?: string
  readonly license?: string
  readonly integrity?: string
  readonly dev?: boolean
}

interface Component {
  readonly type: 'library' | 'platform'
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly licenses: readonly { readonly license: { readonly name: string } }[]
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[]
}

const NESTED = 'node_modules/'

const hex = (integrity: string): string =>
  Buffer.from(integrity.replace(/^sha512-/, ''), 'base64').toString('hex')

export function componentsOf(lockFile: string): Component[] {
  const { packages } = JSON.parse(readFileSync(lockFile, 'utf8')) as { packages: Record<string, Locked> }
  const runtime = packages[`${NESTED}bun`]
  const inside = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true)
  const all = runtime ? [...inside, [`${NESTED}bun`, runtime] as const] : inside
  return all
    .map(([path, { version = '', license = 'unknown', integrity }]): Component => {
      const name = path.slice(path.lastIndexOf(NESTED) + NESTED.length)
      return {
        type: name === 'bun' ? 'platform' : 'library',
        ...{ name, version, purl: `pkg:npm/${name.replace('@', '%40')}@${version}` },
        licenses: [{ license: { name: license } }],
        ...(integrity?.startsWith('sha512-') && { hashes: [{ alg: 'SHA-512', content: hex(integrity) }] }),
      }
    })
    .toSorted((a, b) => a.purl.localeCompare(b.purl))
}

/** Without the time of the build and without a serial number, so that the same sources give the same file. */
export const billOf = (components: readonly Component[], version: string): string =>
  `${JSON.stringify(
    {
      bomFormat: 'CycloneDX',
      specVersion: '1.5',
      version: 1,
      metadata: {
        component: { type: 'application', name: 'belfry', version, licenses: [{ license: { id: 'MIT' } }] },
      },
      components,
    },
    null,
    2,
  )}\n`

export const licencesOf = (components: readonly Component[]): string =>
  components
    .map(({ name, version, licenses }) => `${name} ${version}: ${licenses[0]?.license.name}\n`)
    .join('')

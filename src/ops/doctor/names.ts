/** Questions to DNS, answered within a moment by the machine's resolvers or by those that BELFRY_RESOLVER names. */
import { Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { codeOf } from '../../log.ts'

export interface Srv {
  readonly name: string
  readonly port: number
  readonly priority: number
  readonly weight: number
}

/** An empty list: there are none. @throws NoAnswer. */
export interface Names {
  srv(name: string): Promise<readonly Srv[]>
  a(name: string): Promise<readonly string[]>
  aaaa(name: string): Promise<readonly string[]>
  cname(name: string): Promise<readonly string[]>
  /** Authorities that may issue certificates. */
  caa(name: string): Promise<readonly string[]>
}

/** Silence of DNS; that there is no such name is an answer. */
export class NoAnswer extends Error {}

const ASK_MS = 1_500
/** The answer is that there are none. */
const NONE: ReadonlySet<unknown> = new Set(['ENOTFOUND', 'ENODATA'])

/** `servers` as "192.0.2.53" or "127.0.0.1:5353", with commas; none: those of the machine. */
export function openNames(servers = ''): Names {
  const resolver = new Resolver({ timeout: ASK_MS, tries: 2 })
  const list = servers.split(',').filter(Boolean)
  if (list.length > 0) resolver.setServers(list)
  const ask = async <T>(name: string, question: (ascii: string) => Promise<T[]>): Promise<T[]> => {
    const ascii = isIP(name) ? name : domainToASCII(name) || name
    try {
      return await question(ascii)
    } catch (error) {
      if (NONE.has(codeOf(error))) return []
      throw new NoAnswer(`the resolver did not answer for ${name} (${String(codeOf(error))})`, {
        cause: error,
      })
    }
  }
  return {
    srv: (name) => ask(name, (ascii) => resolver.resolveSrv(ascii)),
    a: (name) => ask(name, (ascii) => resolver.resolve4(ascii)),
    aaaa: (name) => ask(name, (ascii) => resolver.resolve6(ascii)),
    cname: (name) => ask(name, (ascii) => resolver.resolveCname(ascii)),
    caa: async (name) => {
      const records = await ask(name, (ascii) => resolver.resolveCaa(ascii))
      return records.flatMap(({ issue }) => issue ?? [])
    },
  }
}

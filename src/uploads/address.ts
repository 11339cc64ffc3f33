/** Addresses where files are put and fetched: that of the service, and of one file in it. */
import type { Config } from '../config/config.ts'
import { isLoopback } from '../net/address.ts'

export const UPLOAD_PATH = '/upload'
/** Bytes of a name in UTF-8: what file systems take, so that it can be saved under it. */
const NAME_BYTES = 255
/** Characters of the ending that outlives a cut, the dot included. */
const ENDING = 20

/** Without a slash at its end; undefined where it would be neither safe nor a trial on this machine. */
export function uploadBase(config: Config, host: string): string | undefined {
  const { upload, http, push } = config
  if (!upload.enabled) return undefined
  const told = upload.url ?? http.public_url
  if (told === undefined) return ownBase(config, host)
  const { protocol, hostname } = new URL(told)
  const isSafe = protocol === 'https:' || push.simulator || isHere(hostname)
  return isSafe ? told.replace(/\/+$/, '') : undefined
}

/** By our own listeners: TLS under the host's name, else, for a trial, what only this machine reaches. */
function ownBase({ http, c2s, push }: Config, host: string): string | undefined {
  const [tls] = http.tls_listen
  if (tls && tls.port > 0) return `https://${host}${tls.port === 443 ? '' : `:${tls.port}`}`
  const clients = [...c2s.listen, ...c2s.direct_tls_listen]
  if (!push.simulator && !clients.every((address) => isHere(address.host))) return undefined
  const near = http.listen.find((address) => isHere(address.host) && address.port > 0)
  if (!near) return undefined
  return `http://${near.host.includes(':') ? `[${near.host}]` : near.host}:${near.port}`
}

/** Whether only this machine is meant. */
export const isHere = (hostname: string): boolean =>
  hostname === 'localhost' || isLoopback(hostname.replace(/^\[|\]$/g, ''))

/** `id` decides; the name is for people and for programs that look at its ending. */
export const uploadUrl = (base: string, id: string, name: string): string =>
  `${base}${UPLOAD_PATH}/${id}/${encoded(name)}`

/** The id in an address of ours. */
export function idIn(base: string, url: string): string | undefined {
  const prefix = `${base}${UPLOAD_PATH}/`
  if (!url.startsWith(prefix)) return undefined
  return /^([\w-]+)\/[^/?#\s]+$/.exec(url.slice(prefix.length))?.[1]
}

/** RFC 3986 §2.3: all but unreserved characters. Of these encodeURIComponent leaves five more as they are. */
export const encoded = (text: string): string =>
  encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )

/** A name without the folders before it and without what no name may hold, cut to what a file system takes. */
export function plainName(name: string): string {
  const last = name.toWellFormed().split(/[/\\]/).at(-1) ?? ''
  const clean = last.replace(/[\u0000-\u001f\u007f-\u009f]/g, '').trim()
  // Alone in a path these mean folders.
  if (/^\.{0,2}$/.test(clean)) return 'file'
  return cutName(clean)
}

function cutName(name: string): string {
  if (Buffer.byteLength(name) <= NAME_BYTES) return name
  const dot = name.lastIndexOf('.')
  const ending = dot > 0 && name.length - dot <= ENDING ? name.slice(dot) : ''
  let stem = ''
  let room = NAME_BYTES - Buffer.byteLength(ending)
  for (const char of name) {
    room -= Buffer.byteLength(char)
    if (room < 0) break
    stem += char
  }
  return stem + ending
}

/** Words of a message that wait in the outbox for one device: what the app's policy hides is not even written down. */
import type { Trip } from '../../routing/transit.ts'
import type { Device } from '../../store/devices.ts'
import type { FileFacts } from '../../store/push.ts'
import { idIn, UPLOAD_PATH, uploadBase } from '../../uploads/address.ts'
import { childText, type Element } from '../../xmpp/xml.ts'
import { appOf } from '../rules/app-of.ts'
import { fileOf, type OwnFile } from '../rules/attachment.ts'
import { keeps } from '../rules/policy.ts'
import { actionOf, emojisOf, shownText, standIn } from '../rules/shown.ts'

/** Characters of a body that are kept for a payload of 4096 bytes. */
const KEPT_TEXT = 4096

/** A text, or what stands for a file. */
export interface PushWords {
  readonly body?: string | undefined
  readonly file?: FileFacts | undefined
}

/** A web server, which is no device, gets the text whole. `speaker`: name of who says it. */
export function wordsOf(t: Trip, el: Element, device: Device | undefined, speaker?: string): PushWords {
  if (!device) return { body: childText(el, 'body') }
  if (!keptFor(t, device).body) return {}
  const emojis = emojisOf(el)
  if (emojis !== undefined) return { body: emojis }
  const text = shownText(el)
  const file = standIn(el, text) ?? fileOf(el, text, ownFile(t))
  if (!file) return { body: text && actionOf(text, speaker).slice(0, KEPT_TEXT) }
  const { url: _url, type: _type, ...rest } = file
  return { file: appOf(t.config, device)?.attachments === true ? file : rest }
}

/** Words of a message that may be written down for a device, and how its title names people. */
export function keptFor(
  t: Trip,
  device: Device | undefined,
): ReturnType<typeof keeps> & { readonly title: 'name' | 'jid' | 'key' } {
  if (!device) return { names: true, body: true, title: 'jid' }
  const app = appOf(t.config, device)
  return { ...keeps(app?.body ?? 'sender', device.options), title: app?.title ?? 'name' }
}

/** A file that was uploaded here, by its address. */
export const ownFile =
  (t: Trip): OwnFile =>
  (url) => {
    if (!url.includes(UPLOAD_PATH)) return undefined
    for (const host of t.config.hosts) {
      const base = uploadBase(t.config, host)
      const id = base === undefined ? undefined : idIn(base, url)
      const found = id === undefined ? undefined : t.store.uploads.byFile(id)
      if (found && found.storedAt !== null) return found
    }
    return undefined
  }

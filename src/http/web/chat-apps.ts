/** Apps that a new user is shown, by what they run on. All take accounts of any server. */
export type Platform = 'ios' | 'android' | 'desktop'

export interface App {
  readonly name: string
  readonly url: string
  readonly on: Platform
}

export const APPS: readonly App[] = [
  { name: 'Monal', url: 'https://monal-im.org/', on: 'ios' },
  { name: 'Siskin IM', url: 'https://siskin.im/', on: 'ios' },
  { name: 'Conversations', url: 'https://conversations.im/', on: 'android' },
  { name: 'Cheogram', url: 'https://cheogram.com/', on: 'android' },
  { name: 'Gajim (Windows, Linux)', url: 'https://gajim.org/', on: 'desktop' },
  { name: 'Dino (Linux)', url: 'https://dino.im/', on: 'desktop' },
  { name: 'Beagle IM (macOS)', url: 'https://beagle.im/', on: 'desktop' },
]

/** A guess from the User-Agent, which may say anything: it only decides what stands first. */
export function platformOf(userAgent: string | undefined): Platform {
  if (/iPhone|iPad|iPod/.test(userAgent ?? '')) return 'ios'
  return /Android/.test(userAgent ?? '') ? 'android' : 'desktop'
}

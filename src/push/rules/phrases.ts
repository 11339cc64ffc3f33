/**
 * Phrases of a push that says no words of a message, per language of the device. An app that translates by itself gets the
 * key instead. Every phrase is there in every language; `%s` is its argument.
 */

import { BoundedMap } from '../../bounded-map.ts'

export interface Phrase {
  readonly text: string
  /** Key under which an app may say it in its own words. */
  readonly key: string
  /** Arguments of the phrase, for the app's own language. */
  readonly args?: readonly string[]
}

const LANGUAGES = ['en', 'zh-Hans', 'de', 'fr', 'es', 'ja'] as const
type Language = (typeof LANGUAGES)[number]
type Texts = readonly [en: string, zh: string, de: string, fr: string, es: string, ja: string]

const TEXTS = {
  BELFRY_MESSAGE: [
    'New message',
    '新消息',
    'Neue Nachricht',
    'Nouveau message',
    'Mensaje nuevo',
    '新着メッセージ',
  ],
  BELFRY_ENCRYPTED: [
    'Encrypted message',
    '加密消息',
    'Verschlüsselte Nachricht',
    'Message chiffré',
    'Mensaje cifrado',
    '暗号化されたメッセージ',
  ],
  BELFRY_SUBSCRIPTION: [
    'wants to add you as a contact',
    '想添加你为联系人',
    'möchte dich als Kontakt hinzufügen',
    'souhaite vous ajouter à ses contacts',
    'quiere añadirte a sus contactos',
    '連絡先への追加を希望しています',
  ],
  BELFRY_INVITATION: [
    'invites you to a room',
    '邀请你加入群聊',
    'lädt dich in einen Raum ein',
    'vous invite dans un salon',
    'te invita a una sala',
    'ルームに招待しています',
  ],
  BELFRY_CALL_INVITE: [
    'invites you to a call',
    '邀请你加入通话',
    'lädt dich zu einem Anruf ein',
    'vous invite à un appel',
    'te invita a una llamada',
    '通話に招待しています',
  ],
  BELFRY_CALL: [
    'is calling you',
    '正在呼叫你',
    'ruft dich an',
    'vous appelle',
    'te está llamando',
    'から着信中',
  ],
  BELFRY_CALL_ENDED: [
    'Call ended',
    '通话已结束',
    'Anruf beendet',
    'Appel terminé',
    'Llamada finalizada',
    '通話終了',
  ],
  BELFRY_MISSED_CALL: [
    'Missed call',
    '未接来电',
    'Verpasster Anruf',
    'Appel manqué',
    'Llamada perdida',
    '不在着信',
  ],
  BELFRY_ATTENTION: [
    'asks for your attention',
    '希望引起你的注意',
    'bittet um deine Aufmerksamkeit',
    'demande votre attention',
    'pide tu atención',
    'あなたに呼びかけています',
  ],
  BELFRY_REACTION: [
    'reacted to your message',
    '回应了你的消息',
    'hat auf deine Nachricht reagiert',
    'a réagi à votre message',
    'ha reaccionado a tu mensaje',
    'あなたのメッセージにリアクションしました',
  ],
  BELFRY_REACTION_WITH: [
    'reacted to your message: %s',
    '回应了你的消息：%s',
    'hat auf deine Nachricht reagiert: %s',
    'a réagi à votre message : %s',
    'ha reaccionado a tu mensaje: %s',
    'あなたのメッセージにリアクションしました：%s',
  ],
  BELFRY_DIGEST: [
    'New messages in muted rooms',
    '已静音的群聊有新消息',
    'Neue Nachrichten in stummen Räumen',
    'Nouveaux messages dans des salons en sourdine',
    'Mensajes nuevos en salas silenciadas',
    'ミュートしたルームの新着メッセージ',
  ],
  BELFRY_JOINED: [
    'has joined by your invitation',
    '通过你的邀请加入了',
    'ist durch deine Einladung dabei',
    'a rejoint sur votre invitation',
    'se ha unido por tu invitación',
    'あなたの招待で参加しました',
  ],
  BELFRY_PHOTO: ['Photo', '照片', 'Foto', 'Photo', 'Foto', '写真'],
  BELFRY_VIDEO: ['Video', '视频', 'Video', 'Vidéo', 'Vídeo', '動画'],
  BELFRY_VOICE: [
    'Voice message',
    '语音消息',
    'Sprachnachricht',
    'Message vocal',
    'Mensaje de voz',
    '音声メッセージ',
  ],
  BELFRY_VOICE_LENGTH: [
    'Voice message %s',
    '语音消息 %s',
    'Sprachnachricht %s',
    'Message vocal %s',
    'Mensaje de voz %s',
    '音声メッセージ %s',
  ],
  BELFRY_FILE: ['File', '文件', 'Datei', 'Fichier', 'Archivo', 'ファイル'],
  BELFRY_FILE_NAMED: ['File %s', '文件 %s', 'Datei %s', 'Fichier %s', 'Archivo %s', 'ファイル %s'],
  BELFRY_ENCRYPTED_FILE: [
    'sent a file',
    '发送了一个文件',
    'hat eine Datei gesendet',
    'a envoyé un fichier',
    'ha enviado un archivo',
    'ファイルを送信しました',
  ],
  BELFRY_STICKER: ['Sticker', '贴纸', 'Sticker', 'Autocollant', 'Sticker', 'ステッカー'],
  BELFRY_STICKER_NAMED: [
    'Sticker %s',
    '贴纸 %s',
    'Sticker %s',
    'Autocollant %s',
    'Sticker %s',
    'ステッカー %s',
  ],
  BELFRY_LOCATION: ['Location', '位置', 'Standort', 'Position', 'Ubicación', '位置情報'],
  BELFRY_SPOILER: ['Spoiler', '剧透', 'Spoiler', 'Spoiler', 'Spoiler', 'ネタバレ'],
  BELFRY_SPOILER_NAMED: [
    'Spoiler: %s',
    '剧透：%s',
    'Spoiler: %s',
    'Spoiler : %s',
    'Spoiler: %s',
    'ネタバレ：%s',
  ],
} as const satisfies Readonly<Record<string, Texts>>

export type PhraseKey = keyof typeof TEXTS
export const PHRASE_KEYS = Object.keys(TEXTS) as readonly PhraseKey[]

/** BCP 47, with the underscores that some systems write. */
export const LOCALE = /^[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8}){0,4}$/

/** In the language of `locale` (BCP 47), English where it is none of these. */
export function phrase(key: PhraseKey, locale: string | undefined, arg?: string): Phrase {
  const text = TEXTS[key][LANGUAGES.indexOf(languageOf(locale))] ?? TEXTS[key][0]
  if (arg === undefined) return { text, key }
  // A function: "$&" in a name is text.
  return { text: text.replace('%s', () => arg), key, args: [arg] }
}

/** Locales that devices have named; the oldest are forgotten. */
const known = new BoundedMap<string, Language>(1_000)

const languageOf = (locale: string | undefined): Language =>
  locale === undefined ? 'en' : known.getOr(locale, closest)

function closest(locale: string): Language {
  let likely: Intl.Locale
  try {
    likely = new Intl.Locale(locale).maximize()
  } catch {
    return 'en'
  }
  const { language, script } = likely
  return LANGUAGES.find((one) => one === language || one === `${language}-${script}`) ?? 'en'
}

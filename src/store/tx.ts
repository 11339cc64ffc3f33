/**
 * Rights over the store, by where one stands: everybody reads, only a trip writes. The classes are the same
 * at run time; a method that is not named here is out of reach outside of a trip.
 */
import type { Store } from './store.ts'

type Devices = Store['push']['devices']

type ReadDevices = Pick<
  Devices,
  'of' | 'at' | 'calledAt' | 'sharing' | 'get' | 'lastWord' | 'newest' | 'died'
>

/** The store outside of a trip. */
export interface ReadStore extends Pick<Store, 'turn' | 'pushReports'> {
  readonly accounts: Pick<
    Store['accounts'],
    'find' | 'byId' | 'isGone' | 'scramKeys' | 'vcard' | 'photo' | 'list' | 'count'
  >
  readonly accountPages: Pick<Store['accountPages'], 'page'>
  readonly answers: Pick<Store['answers'], 'find'>
  readonly archiveSizes: Pick<Store['archiveSizes'], 'of' | 'largest'>
  readonly audit: Pick<Store['audit'], 'page'>
  readonly badges: Pick<Store['badges'], 'on' | 'told'>
  readonly blocked: Pick<Store['blocked'], 'of'>
  readonly clients: Pick<Store['clients'], 'find' | 'list' | 'tokens'>
  readonly contacts: Pick<Store['contacts'], 'find' | 'all' | 'size' | 'changedSince'>
  readonly events: Pick<Store['events'], 'wants' | 'jidOf'>
  readonly figures: Pick<Store['figures'], 'between'>
  readonly held: Pick<
    Store['held'],
    'find' | 'all' | 'page' | 'putOffs' | 'waitingAbout' | 'waitingFor' | 'ofChat'
  >
  readonly history: Pick<Store['history'], 'page' | 'isScannable' | 'count' | 'has' | 'bounds' | 'prefs'>
  readonly hostHashes: Pick<Store['hostHashes'], 'of'>
  readonly invites: Pick<
    Store['invites'],
    'find' | 'get' | 'reserving' | 'reserved' | 'list' | 'countOf' | 'count'
  >
  readonly messages: Pick<
    Store['messages'],
    'inFlight' | 'waiting' | 'offlineSize' | 'boxSize' | 'isStored' | 'totalOffline'
  >
  readonly origins: Pick<Store['origins'], 'has'>
  readonly pep: Pick<
    Store['pep'],
    'nodes' | 'node' | 'item' | 'last' | 'items' | 'marks' | 'count' | 'bytes' | 'subscribers'
  >
  readonly privateXml: Pick<Store['privateXml'], 'get' | 'all' | 'bytes' | 'count'>
  readonly push: ReadPush
  readonly receipts: Pick<Store['receipts'], 'timeOf' | 'isFromBefore' | 'between' | 'below'>
  readonly rooms: Pick<Store['rooms'], 'countAll'>
  readonly roomVerdicts: Pick<Store['roomVerdicts'], 'mentions'>
  readonly settings: Pick<Store['settings'], 'get'>
  readonly skeletons: Pick<Store['skeletons'], 'like'>
  readonly sm: Pick<Store['sm'], 'sessions' | 'stanzas'>
  readonly tokens: Pick<Store['tokens'], 'find' | 'needsUseNoted' | 'list' | 'countOf'>
  readonly uploads: Pick<
    Store['uploads'],
    'byFile' | 'byKey' | 'bytesOf' | 'total' | 'page' | 'isStored' | 'ofOwner'
  >
  readonly vapidKeys: Pick<Store['vapidKeys'], 'all' | 'find'>
  readonly unread: Pick<
    Store['unread'],
    | 'count'
    | 'idOf'
    | 'upToOf'
    | 'has'
    | 'unfinished'
    | 'digests'
    | 'zones'
    | 'lastDigest'
    | 'settings'
    | 'told'
  >
}

/** The outbox outside of a trip; whoever drains it says here how to reach it. */
export interface ReadPush extends Pick<
  Store['push'],
  'waiting' | 'decidedFor' | 'wasCounted' | 'rung' | 'explain' | 'counts' | 'queued' | 'recall' | 'reworded'
> {
  readonly devices: ReadDevices
  readonly deviceTokens: Pick<Store['push']['deviceTokens'], 'of' | 'get' | 'at'>
  readonly notices: Pick<Store['push']['notices'], 'of' | 'wokenAt'>
  readonly tokens: Pick<Store['push']['tokens'], 'get'>
}

export interface ReadTx {
  readonly store: ReadStore
}

export interface WriteTx {
  readonly store: Store
}

/** Runs `f` as a trip; settles after the commit. */
export type RunTrip = <T>(f: (t: WriteTx) => T) => Promise<T>

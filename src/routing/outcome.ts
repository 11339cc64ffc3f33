/** Words that the road and its features share, below both. */

/** Where a message ended for one account. */
export type Outcome = 'took' | 'held' | 'none'

/** Someone who has not logged in yet. */
export interface Guest {
  readonly host: string
  readonly ip: string
  readonly secure: boolean
}

/** Times as XMPP writes them (XEP-0082). */

/** §3.2; ms since the epoch, undefined where it is no time. */
export function parseTime(text: string): number | undefined {
  const isTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/.test(text)
  const ms = isTime ? Date.parse(text) : Number.NaN
  return Number.isNaN(ms) ? undefined : ms
}

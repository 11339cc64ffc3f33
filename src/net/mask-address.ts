/**
 * Addresses as they may be shown: what lets a caller in stands before the host or behind the path, and what is printed or
 * logged is kept and passed on.
 */
const ADDRESS = /\b([a-z][a-z\d+.-]*:\/\/)([^\s/?#"'<>]*@)?([^\s?#"'<>]*)(\?[^\s#"'<>]*)?(#[^\s"'<>]*)?/gi

/** Every address in a text without its user info, query and fragment; whatever else stands in it stays. */
export function maskAddresses(text: string): string {
  if (!text.includes('://')) return text
  return text.replace(
    ADDRESS,
    (_all, scheme: string, user: string | undefined, rest: string, query?: string, fragment?: string) =>
      `${scheme}${user === undefined ? '' : '***@'}${rest}${query === undefined ? '' : '?***'}${fragment === undefined ? '' : '#***'}`,
  )
}

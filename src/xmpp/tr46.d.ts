// tr46 ships no types; this is the part of it that Belfry uses.
declare module 'tr46' {
  interface Options {
    checkHyphens?: boolean
    checkBidi?: boolean
    checkJoiners?: boolean
    useSTD3ASCIIRules?: boolean
    verifyDNSLength?: boolean
    transitionalProcessing?: boolean
  }
  export function toASCII(domain: string, options: Options): string | null
  export function toUnicode(domain: string, options: Options): { domain: string; error: boolean }
}

declare module 'tr46/lib/regexes.js' {
  const tables: Readonly<
    Record<
      | 'combiningClassVirama'
      | 'validZWNJ'
      | 'bidiDomain'
      | 'bidiS1LTR'
      | 'bidiS1RTL'
      | 'bidiS2'
      | 'bidiS3'
      | 'bidiS4EN'
      | 'bidiS4AN'
      | 'bidiS5'
      | 'bidiS6',
      RegExp
    >
  >
  export default tables
}

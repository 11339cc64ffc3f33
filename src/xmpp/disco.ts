/** Service Discovery (XEP-0030): what is advertised, as elements. */
import { clone, type Element, xml } from './xml.ts'

export interface DiscoInfo {
  readonly identities: readonly { readonly category: string; readonly type: string; readonly name?: string }[]
  readonly features: readonly string[]
  /** XEP-0128 */
  readonly forms: readonly Element[]
}

/** Identities, features and forms in the order in which they stand. */
export function discoContent({ identities, features, forms }: DiscoInfo): Element[] {
  return [
    ...identities.map(({ category, type, name }) => xml('identity', { category, type, name })),
    ...features.map((feature) => xml('feature', { var: feature })),
    ...forms.map(clone),
  ]
}

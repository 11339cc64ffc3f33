/** Memory beside an object, which goes with it: tables of a server, of which a process of plays has many. */
export function perObject<O extends object, T>(make: (owner: O) => T): (owner: O) => T {
  const known = new WeakMap<O, { readonly value: T }>()
  return (owner) => {
    let entry = known.get(owner)
    if (!entry) known.set(owner, (entry = { value: make(owner) }))
    return entry.value
  }
}

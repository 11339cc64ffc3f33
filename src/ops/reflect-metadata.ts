/**
 * `@peculiar/x509` wires its parts with tsyringe, which refuses to load without `Reflect.getMetadata` and its kin.
 * These three are all that it calls. Import x509 dynamically after this file: Bun evaluates CommonJS packages before
 * the modules that stand above them.
 */
const known = new WeakMap<object, Map<unknown, unknown>>()

if (!('getMetadata' in Reflect)) {
  const get = (key: unknown, target: object): unknown => known.get(target)?.get(key)
  const define = (key: unknown, value: unknown, target: object): void => {
    const entries = known.get(target) ?? new Map<unknown, unknown>()
    entries.set(key, value)
    known.set(target, entries)
  }
  Object.assign(Reflect, { getMetadata: get, getOwnMetadata: get, defineMetadata: define })
}

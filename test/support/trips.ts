/** How much each trip does to a table. */
import type { Play } from './world.ts'

/** From now on: rows that each trip writes or deletes. */
export function changesOfTrips(
  { store: { db, turn } }: Play,
  table: string,
  verbs: readonly ('INSERT' | 'DELETE')[] = ['INSERT', 'DELETE'],
): number[] {
  db.raw.run('CREATE TEMP TABLE changed (n INTEGER)')
  db.raw.run('INSERT INTO changed VALUES (0)')
  for (const verb of verbs)
    db.raw.run(
      `CREATE TEMP TRIGGER on_${verb} AFTER ${verb} ON ${table} BEGIN UPDATE changed SET n = n + 1; END`,
    )
  const changed = () => db.raw.query<{ n: number }, []>('SELECT n FROM changed').get()?.n ?? 0
  const trips: number[] = []
  const trip = turn.trip.bind(turn)
  turn.trip = (f, refuse) =>
    trip(() => {
      const before = changed()
      const result = f()
      trips.push(changed() - before)
      return result
    }, refuse)
  return trips
}

/** Accounts that never log in, and their phones, written straight into a database: by the thousand, in a moment. */
import type { Database } from 'bun:sqlite'

/** `<prefix>1@<host>` up to n, with whatever an account must have. */
export function addAccounts(db: Database, prefix: string, n: number, host = 'localhost'): void {
  const columns = db.query<{ name: string; type: string; notnull: number; dflt_value: string | null }, []>(
    'PRAGMA table_info(accounts)',
  )
  const must = columns.all().filter((c) => c.notnull === 1 && c.dflt_value === null && c.name !== 'id')
  const value = (c: { name: string; type: string }): string => {
    if (c.name === 'jid') return `'${prefix}' || n || '@${host}'`
    if (c.name === 'host') return `'${host}'`
    return c.type === 'BLOB' ? `x'00'` : c.type === 'TEXT' ? `''` : '0'
  }
  db.run(
    `WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${n})
     INSERT INTO accounts (${must.map(({ name }) => name).join(', ')}) SELECT ${must.map(value).join(', ')} FROM c`,
  )
}

/** `each` phones for every account of that prefix. */
export function addDevices(db: Database, prefix: string, each: number, topic: string): void {
  // An odd factor makes the tokens of neighbours as unlike as those of strangers, and none twice.
  db.run(
    `WITH RECURSIVE k (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM k WHERE n < ${each - 1})
     INSERT INTO devices (account_id, kind, topic, environment, address, created_at, refreshed_at)
     SELECT a.id, 'apns', '${topic}', 'production',
       printf('%064x', (a.id * ${each} + k.n) * 2654435761 % 4294967296), a.id, a.id
     FROM accounts a, k WHERE a.jid GLOB '${prefix}[0-9]*'`,
  )
}

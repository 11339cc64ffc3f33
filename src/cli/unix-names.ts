/** Names of this machine's users and groups, from the files that useradd writes; a directory service is not asked. */
import { readFileSync } from 'node:fs'

/** The user and group that the unit runs as unless somebody says otherwise. */
export const SERVICE_USER = 'belfry'

/** passwd(5) and group(5): name:x:id:… */
function idIn(file: string, name: string): number | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
  const fields = text
    .split('\n')
    .map((line) => line.split(':'))
    .find(([first]) => first === name)
  const id = Number(fields?.[2] || NaN)
  return Number.isInteger(id) ? id : undefined
}

export const userId = (name: string): number | undefined => idIn('/etc/passwd', name)
export const groupId = (name: string): number | undefined => idIn('/etc/group', name)

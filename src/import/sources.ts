/** The reader for each file that an operator names, told by its first bytes. */
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { ejabberdDump } from './ejabberd-dump.ts'
import { ejabberdSql } from './ejabberd-sql.ts'
import { type Source, SourceError } from './model.ts'
import { prosodyFiles } from './prosody-files.ts'
import { prosodySql } from './prosody-sql.ts'
import { xep0227 } from './xep0227.ts'

export type Server = 'ejabberd' | 'prosody' | 'xep0227'

export interface SourceOptions {
  /** Host of accounts whose source names none. */
  readonly unnamed: string
  readonly encoding?: string | undefined
}

/** Files of one form are read together, so that what one of them names may stand in another. @throws SourceError */
export function sourcesOf(server: Server, paths: readonly string[], options: SourceOptions): Source[] {
  const { encoding, unnamed } = options
  const forms = Map.groupBy(paths, (path) => formOf(path))
  return [...forms].map(([form, files]) => {
    if (form === 'xml') return xep0227(files, encoding)
    if (server === 'prosody' && form === 'folder') return prosodyFiles(files)
    if (server === 'prosody' && form === 'sql') return prosodySql(files, encoding)
    if (server === 'ejabberd' && form === 'terms') return ejabberdDump(files, encoding)
    if (server === 'ejabberd' && form === 'sql') return ejabberdSql(files, unnamed, encoding)
    throw new SourceError(`${files.join(', ')}: no form in which ${server} keeps or exports its data`)
  })
}

function formOf(path: string): 'folder' | 'xml' | 'terms' | 'sql' {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) throw new SourceError(`${path} is not there`)
  if (stat.isDirectory()) return 'folder'
  const head = Buffer.alloc(512)
  const file = openSync(path, 'r')
  try {
    const text = head.toString('latin1', 0, readSync(file, head, 0, head.length, 0))
    if (/^(?:\xef\xbb\xbf)?\s*</.test(text) || /^\xff\xfe|^\xfe\xff/.test(text)) return 'xml'
    return /^\s*\{/.test(text) ? 'terms' : 'sql'
  } finally {
    closeSync(file)
  }
}

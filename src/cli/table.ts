/** Rows laid out for a terminal: columns side by side where they fit, else one row below the other. */

/** Between two columns. */
const GAP = 2
/** Columns never get narrower than this, or their content: where that is too wide, rows are shown as blocks. */
const NARROWEST = 10

const graphemes = new Intl.Segmenter()

/** Terminal cells: East Asian characters and emoji take two, marks none. */
export const widthOf = (text: string): number => Bun.stringWidth(text)

const padded = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - widthOf(text)))

/** `cells` are printable; `width` is the terminal's, Infinity where nobody looks. */
export function layOut(
  heads: readonly string[],
  cells: readonly (readonly string[])[],
  width: number,
): string[] {
  const widths = widest([heads, ...cells])
  if (sum(widths) <= width)
    return [heads, ...cells].flatMap((row) =>
      sideBySide(
        row.map((cell) => [cell]),
        widths,
      ),
    )
  if (cells.length === 0) return wrapped(heads.join(' '), width)
  const rows = [heads, ...cells.map((row) => row.map(shortTime))]
  const words = widest(rows.flatMap((row) => wordsOf(row)))
  const caps = shrunk(widest(rows), words, width)
  if (!caps)
    return rows.slice(1).flatMap((row, at) => [...(at === 0 ? [] : ['']), ...block(heads, row, width)])
  const broken = rows.map((row) => row.map((cell, column) => wrapped(cell, caps[column] ?? 1)))
  const used = caps.map((_, column) => Math.max(...broken.flatMap((row) => row[column] ?? []).map(widthOf)))
  return broken.flatMap((row) => sideBySide(row, used))
}

/** Of each column. */
const widest = (rows: readonly (readonly string[])[]): number[] =>
  (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => widthOf(row[column] ?? ''))))

/** A row for the longest words of a row. */
const wordsOf = (row: readonly string[]): string[][] => [
  row.map((cell) =>
    cell.split(' ').reduce((longest, word) => (widthOf(word) > widthOf(longest) ? word : longest), ''),
  ),
]

const sum = (widths: readonly number[]): number =>
  widths.reduce((all, width) => all + width, 0) + GAP * (widths.length - 1)

/** Takes from the widest, first where only blanks are broken; undefined where there are too many columns. */
function shrunk(natural: readonly number[], words: readonly number[], width: number): number[] | undefined {
  const least = natural.map((wide) => Math.min(wide, NARROWEST))
  if (sum(least) > width) return undefined
  const caps = [...natural]
  for (const floor of [words, least]) {
    while (sum(caps) > width) {
      const free = caps.map((cap, column) =>
        cap > Math.max(floor[column] ?? 0, least[column] ?? 0) ? cap : 0,
      )
      const most = Math.max(...free)
      if (most === 0) break
      caps[free.indexOf(most)] = most - 1
    }
  }
  return caps
}

/** The cells of a row, each of one or more lines. */
function sideBySide(cells: readonly (readonly string[])[], widths: readonly number[]): string[] {
  const height = Math.max(...cells.map((lines) => lines.length))
  return Array.from({ length: height }, (_, line) =>
    cells
      .map((lines, column) => padded(lines[line] ?? '', widths[column] ?? 0))
      .join(' '.repeat(GAP))
      .trimEnd(),
  )
}

function block(heads: readonly string[], row: readonly string[], width: number): string[] {
  const left = Math.max(...heads.map(widthOf)) + GAP
  return heads.flatMap((head, column) =>
    wrapped(row[column] ?? '', Math.max(1, width - left)).map(
      (line, n) => padded(n === 0 ? head : '', left) + line,
    ),
  )
}

/** Broken at blanks; a word that is wider than the column loses its middle. */
export function wrapped(text: string, width: number, shorten = shortened): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ').map((part) => shorten(part, width))) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line === '' || widthOf(longer) <= width) line = longer
    else {
      lines.push(line)
      line = word
    }
  }
  return [...lines, line]
}

/** Both ends of a name or token tell it from others. */
function shortened(word: string, width: number): string {
  if (widthOf(word) <= width) return word
  const parts = [...graphemes.segment(word)].map(({ segment }) => segment)
  const take = (list: readonly string[], room: number): string[] => {
    let used = 0
    return list.slice(
      0,
      list.findIndex((part) => (used += widthOf(part)) > room),
    )
  }
  const head = take(parts, Math.ceil((width - 1) / 2))
  const tail = take(parts.toReversed(), Math.floor((width - 1) / 2)).toReversed()
  return `${head.join('')}…${tail.join('')}`
}

/** Without fractions and with a blank, at which it may be broken. */
const shortTime = (cell: string): string =>
  cell.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/, '$1 $2Z')

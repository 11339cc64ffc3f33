/** @jsxImportSource hono/jsx */
/** /v1/docs: the API for people, made of its own description: a page that lists it, and one for each of its chapters. */
import type { Child } from 'hono/jsx'
import { VERSION } from '../../version.ts'
import type { Ctx } from '../context.ts'
import type { HttpDeps } from '../deps.ts'
import { Examples, type Schema } from '../examples.ts'
import { type App, declare, open } from '../policy.ts'
import { PROBLEM_CODES } from '../problem-codes.ts'
import { notFound } from '../problem.ts'
import { document } from '../system.ts'
import { TAGS } from '../tags.ts'
import { addStyle } from './answers.ts'
import { curlOf, type Operation, operationsOf, type Parameter } from './docs-read.ts'

const BASE = '/v1/docs'

interface Book {
  readonly about: string
  readonly operations: readonly Operation[]
  readonly examples: Examples
}

export function addDocs(app: App, deps: HttpDeps): void {
  let made: Book | undefined
  // The routes that it tells of are all there once the first reader comes.
  const book = (): Book => (made ??= bookOf(app, deps))
  const pages = new Map<string, string>()
  const show = (c: Ctx, path: string, make: () => { toString(): string | Promise<string> }) => {
    const text = pages.get(path) ?? `<!doctype html>${make().toString() as string}`
    pages.set(path, text)
    return c.body(text, 200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' })
  }
  addStyle(app, `${BASE}/style.css`)
  declare('get', BASE, open)
  app.get(BASE, (c) => show(c, '', () => <Contents book={book()} />))
  declare('get', `${BASE}/:chapter`, open)
  app.get(`${BASE}/:chapter`, (c) => {
    const tag = TAGS.find(({ name }) => name === c.req.param('chapter'))
    if (!tag) throw notFound()
    return show(c, tag.name, () => <Chapter book={book()} tag={tag} />)
  })
}

function bookOf(app: App, { world: { config } }: HttpDeps): Book {
  const made = document(app, config)
  const schemas = (made.components?.schemas ?? {}) as Record<string, Schema>
  return {
    about: made.info.description ?? '',
    operations: operationsOf(made),
    examples: new Examples(schemas),
  }
}

const Frame = ({ title, children }: { title: string; children: Child }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>{`${title} · Belfry`}</title>
      <link rel="stylesheet" href={`${BASE}/style.css?v=${VERSION}`} />
    </head>
    <body>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <main id="main" class="middle">
        {children}
      </main>
    </body>
  </html>
)

const Contents = ({ book: { about, operations } }: { book: Book }) => (
  <Frame title="API">
    <h1>API of Belfry {VERSION}</h1>
    <p>{about}</p>
    <p>
      As OpenAPI 3.1: <a href="/v1/openapi.json">/v1/openapi.json</a>. On the server itself each operation has
      a verb: <code>belfry help</code>, and <code>--curl</code> prints its request.
    </p>
    {TAGS.map(({ name, description }) => (
      <section class="card">
        <h2>
          <a href={`${BASE}/${name}`}>{name}</a>
        </h2>
        <p class="dim">{description}</p>
        <ul class="plain">
          {operations
            .filter(({ tag }) => tag === name)
            .map(({ id, method, path, summary }) => (
              <li class="break">
                <a href={`${BASE}/${name}#${id}`}>
                  <code>{`${method} ${path}`}</code>
                </a>{' '}
                {summary}
              </li>
            ))}
        </ul>
      </section>
    ))}
    <section class="card">
      <h2 id="problems">Codes of problems</h2>
      <dl class="facts">
        {Object.entries(PROBLEM_CODES).map(([code, meaning]) => (
          <>
            <dt>
              <code>{code}</code>
            </dt>
            <dd>{meaning}</dd>
          </>
        ))}
      </dl>
    </section>
  </Frame>
)

const Chapter = ({ book, tag }: { book: Book; tag: (typeof TAGS)[number] }) => (
  <Frame title={tag.name}>
    <p class="crumb">
      <a href={BASE}>API</a>
    </p>
    <h1>{tag.name}</h1>
    <p class="dim">{tag.description}</p>
    {book.operations
      .filter((operation) => operation.tag === tag.name)
      .map((operation) => (
        <Described operation={operation} examples={book.examples} />
      ))}
  </Frame>
)

const Described = ({ operation, examples }: { operation: Operation; examples: Examples }) => {
  const { id, method, path, summary, description, access, parameters, body, statuses } = operation
  return (
    <section class="card stack" id={id}>
      <h2>{summary}</h2>
      <p class="break">
        <code>{`${method} ${path}`}</code> <span class="dim">{access}</span>
      </p>
      {description !== summary && <p>{description}</p>}
      {parameters.length > 0 && <Parameters list={parameters} />}
      {body && <Fields schema={body} />}
      <pre>
        <code>{curlOf(operation, examples)}</code>
      </pre>
      <ul class="plain small">
        {statuses.map(({ status, text, example }) => (
          <li>
            <code>{status}</code> {text}
            {example !== undefined && (
              <details>
                <summary>Example</summary>
                <pre>
                  <code>{JSON.stringify(example, null, 2)}</code>
                </pre>
              </details>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}

const Parameters = ({ list }: { list: readonly Parameter[] }) => (
  <table>
    <thead>
      <tr>
        <th scope="col">Parameter</th>
        <th scope="col">Is</th>
      </tr>
    </thead>
    <tbody>
      {list.map(({ name, place, required, type, text }) => (
        <tr>
          <td>
            <code>{name}</code> <span class="dim small">{`${place}${required ? ', needed' : ''}`}</span>
          </td>
          <td>
            <span class="dim">{type}</span> {text}
          </td>
        </tr>
      ))}
    </tbody>
  </table>
)

const Fields = ({ schema }: { schema: readonly Parameter[] }) => (
  <details>
    <summary>Fields of the body</summary>
    <Parameters list={schema} />
  </details>
)

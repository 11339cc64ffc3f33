/** @jsxImportSource hono/jsx */
import { Layout } from './layout.tsx'
import { tr } from './words.ts'

export const ErrorPage = ({ title, detail, admin }: { title: string; detail: string; admin: boolean }) => (
  <Layout title={title} assets={admin ? '/admin' : '/invite'}>
    <section class="card stack">
      <h1>{title}</h1>
      <p class="break">{detail}</p>
      {admin && (
        <p>
          <a href="/admin/">{tr('Back to the dashboard')}</a>
        </p>
      )}
    </section>
  </Layout>
)

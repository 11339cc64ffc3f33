/** @jsxImportSource hono/jsx */
import { Layout } from './layout.tsx'

export const ErrorPage = ({ title, detail }: { title: string; detail: string }) => (
  <Layout title={title}>
    <section class="card stack">
      <h1>{title}</h1>
      <p class="break">{detail}</p>
      <p>
        <a href="/admin/">Back to the dashboard</a>
      </p>
    </section>
  </Layout>
)

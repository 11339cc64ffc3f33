/** @jsxImportSource hono/jsx */
/** A phone of the simulator: its lock screen, and the app's icon with the number. */
import type { Notification, SimPhone } from '../../ops/apns-sim-phones.ts'
import { Time } from './layout.tsx'
import { tr } from './words.ts'

interface Props {
  /** Account, or the end of the token where nobody has it. */
  readonly name: string
  readonly phone: Pick<SimPhone, 'badge' | 'notifications'>
  readonly isOpen: boolean
}

export const Phone = ({ name, phone, isOpen }: Props) => (
  <section class="phone" aria-label={tr('Phone of {name}', { name })}>
    <p class="break small">{name}</p>
    {isOpen ? (
      <p class="empty">{tr('The app is open.')}</p>
    ) : (
      <LockScreen notifications={phone.notifications} />
    )}
    <p class="dock">
      <span class="icon">
        <img src="/admin/bell.svg" alt="" width="40" height="40" />
        {phone.badge > 0 && (
          <span class="badge">
            <span class="unseen">{tr('unread:')}</span>
            {phone.badge}
          </span>
        )}
      </span>
    </p>
  </section>
)

/** The newest of each conversation, and how many more are behind it. */
const LockScreen = ({ notifications }: { notifications: readonly Notification[] }) => {
  const groups = [...Map.groupBy(notifications, (one) => one.thread || one.id).values()]
  if (groups.length === 0) return <p class="empty">{tr('Nothing to see.')}</p>
  return (
    <ul class="notifications" aria-live="polite">
      {groups.map(([first, ...rest]) => first && <Shown {...{ first, more: rest.length }} />)}
    </ul>
  )
}

const Shown = ({ first, more }: { first: Notification; more: number }) => (
  <li class={more > 0 ? 'pile' : ''}>
    <span class="dim small">
      <Time at={first.at} />
    </span>
    {first.title !== '' && <strong class="break">{first.title}</strong>}
    {first.subtitle !== '' && <span class="break small">{first.subtitle}</span>}
    <span class="break">{first.body}</span>
    {more > 0 && <span class="dim small">{tr('and {n} more', { n: more })}</span>}
    {first.updates > 0 && <span class="dim small">{tr('updated {n} ×', { n: first.updates })}</span>}
  </li>
)

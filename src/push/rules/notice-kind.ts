/** Kind under which an app's table gives a push its look: rule of classify.ts and what the message is to the reader. Pure. */
import type { NoticeKind } from '../../config/notice-kinds.ts'
import type { AboutFacts } from '../../store/push.ts'

const BY_RULE: Readonly<Record<string, NoticeKind>> = {
  call: 'call',
  'call-invite': 'group_call',
  'call-missed': 'missed_call',
  'subscription-request': 'contact_request',
  invitation: 'invitation',
  attention: 'attention',
  reacted: 'reaction',
  joined: 'joined',
  digest: 'digest',
}

/** `about`: only where the service may see it, since a sound or a level tells of it. */
export function noticeKind(rule: string, about: AboutFacts | null | undefined): NoticeKind {
  const found = Object.hasOwn(BY_RULE, rule) ? BY_RULE[rule] : undefined
  if (found) return found
  if (about?.mention) return 'mention'
  return about?.reply ? 'reply' : 'message'
}

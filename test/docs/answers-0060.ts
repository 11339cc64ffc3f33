/** XEP-0060: accounts are services with one publisher, so that the greater half of it does not arise. */
import type { Answer } from './answers.ts'

export const PUBSUB_ANSWERS: readonly Answer[] = [
  ['2', 'author', 'Of specifications that reserve a node.'],
  ['3', 'again', 'What a service must have at least is in §4.2, §5.1, §6.1.2, §7.1.2 and §8.9.1.2.'],
  ['4.6', 'again', 'A node is an address and a name: §4.6.2.'],
  ['4.6.1', 'absent', 'No node is an address of its own, so that its name may be any text: §4.6.2.'],
  [
    '5.2, 5.5',
    'absent',
    'Items are fetched (§6.5.6); discovery lists nodes alone, which both sections allow.',
  ],
  ['6', 'author', 'A pointer to section 12.'],
  [
    '6.1.3.7, 6.1.4, 8.6, 8.7, 8.7.2, 8.7.3.2, 8.7.3.3, 8.7.3.4',
    'absent',
    'Nobody approves subscriptions: the access model “authorize” is refused (§8.1.2), so that none is ever ' +
      'pending, and an account has no command that lists those (§8.7.3.1).',
  ],
  [
    '6.1.3.8, 6.5.9.10',
    'absent',
    'There are no outcasts. Whom the owner has blocked meets an account that does not exist, by XEP-0191.',
  ],
  [
    '6.1.5, 6.3.*, 6.4.2, 12.3, 12.5, 12.8, 12.19',
    'absent',
    'A subscription has no options, no end and no body; whoever asks for them is told feature-not-implemented ' +
      '(§6.3.4.6, §6.4.3.1).',
  ],
  ['6.4.1', 'client', 'How the defaults are asked for; the answer is that of §6.4.3.1.'],
  [
    '6.4.3.2',
    'again',
    'Where there are no options their defaults are missing too, and one error names them: §6.4.3.1.',
  ],
  [
    '6.2.3.1, 6.2.3.5, 6.5.9.1, 6.5.9.2, 7.1.2.4, 7.2.2.2, 12.20',
    'absent',
    'An address has one subscription to a node (§6.1.6), so that there are no ids of subscriptions and none is sent.',
  ],
  [
    '6.5.9.3',
    'absent',
    'Who may read may do so without a subscription: the access model alone decides (§6.5.1).',
  ],
  [
    '6.5.9.5, 7.1.3.2, 8.2.3.1, 8.2.3.4',
    'absent',
    'There are no collections: every node is published to, read and configured.',
  ],
  ['7.1.3.3', 'absent', 'A publication makes the node that is missing.'],
  [
    '7.1.3.4',
    'absent',
    'A full node always gives its oldest item up (§7.1.2.5); the option that rejects is not offered.',
  ],
  [
    '7.2.3.6, 8.3.4.*, 8.5.3.1',
    'absent',
    'The error of a service that cannot do what this one can: §7.2.2, §8.3.3.',
  ],
  ['8.8.1.3.1', 'absent', 'The list is offered (§8.8.1.2); what is refused is to change it (§8.8.2.3.1).'],
  [
    '8.8.2.1, 8.8.2.4, 8.8.3',
    'absent',
    'An owner does not change the subscriptions of others: feature-not-implemented (§8.8.2.3.1).',
  ],
  ['8.9.1.3.1', 'absent', 'The list is offered (§8.9.1.2); what is refused is to change it (§8.9.2.3.1).'],
  [
    '8.9.2.1, 8.9.2.3.2, 8.9.2.4, 8.9.3',
    'absent',
    'The owner is the only affiliate and stays that: any change is feature-not-implemented (§8.9.2.3.1).',
  ],
  [
    '9.1.3',
    'otherwise',
    'Directed presence subscribes nobody, so that there is nothing to cancel: who may read an open node and wants ' +
      'its news subscribes (§6.1.2).',
  ],
  [
    '12.6',
    'absent',
    'There is no service that would subscribe to presence: accounts know that of their contacts (§9.1.2).',
  ],
  ['12.14', 'absent', 'Nobody is told of a subscription that ends, and the feature is not announced.'],
  ['12.17', 'absent', 'Items have one publisher, the owner; the option is not offered (§7.1.2.3).'],
  ['12.18', 'absent', 'An account subscribes to nothing by itself.'],
  ['16.4', 'absent', 'The forms have no fields beside those of the registry.'],
]

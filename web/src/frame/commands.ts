/** Places that the palette reaches beside the pages: lists with a filter, and settings. */
export interface Command {
  group: 'Lists' | 'Settings';
  label: string;
  to: string;
  words: string;
}

export const commands: Command[] = [
  { group: 'Lists', label: 'Identities without an owner', to: '/identities?owner=none', words: 'unowned orphan' },
  { group: 'Lists', label: 'Identities in production', to: '/identities?environment=production', words: 'prod' },
  { group: 'Lists', label: 'AI agents and MCP servers', to: '/identities?kind=agent', words: 'ai agent mcp llm' },
  { group: 'Lists', label: 'Findings that nobody works on', to: '/findings?severity=critical&severity=high&assignee=none', words: 'triage critical high open' },
  { group: 'Lists', label: 'Expiry calendar', to: '/credentials?view=calendar', words: 'credentials expire end rotation' },
  { group: 'Lists', label: 'Identities waiting for an owner', to: '/owners/queue', words: 'unowned queue suggestions' },
  { group: 'Settings', label: 'Your account', to: '/settings/you', words: 'password passkey sessions sign in profile' },
  { group: 'Settings', label: 'Appearance', to: '/settings/appearance', words: 'dark light colours theme' },
  { group: 'Settings', label: 'API tokens', to: '/settings/tokens', words: 'programs keys' },
  { group: 'Settings', label: 'People and roles', to: '/settings/people', words: 'accounts invite users' },
  { group: 'Settings', label: 'Single sign-on', to: '/settings/sign-on', words: 'oidc provider' },
  { group: 'Settings', label: 'Channels and routes', to: '/settings/channels', words: 'slack mail notices alerts tickets webhook' },
  { group: 'Settings', label: 'Sealing key', to: '/settings/sealing', words: 'encryption secrets rotate reseal' },
  { group: 'Settings', label: 'Retention', to: '/settings/retention', words: 'keep delete days' },
  { group: 'Settings', label: 'Ownership rules', to: '/owners/rules', words: 'teams assignment' },
];

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
];

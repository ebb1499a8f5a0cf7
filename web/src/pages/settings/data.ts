// What the API says about people, their sessions and tokens, in the words of its document.
import type { RowScope } from '@/components/Scope';

export interface Listed<T> {
  items: T[] | null;
  next?: string;
  total: number;
  totalIsMore: boolean;
}

export interface Account {
  id: string;
  login: string;
  name: string;
  email: string;
  origin: string;
  active: boolean;
  hasPassword: boolean;
  hasTotp: boolean;
  passkeys: number;
  createdAt: string;
  lastSignIn?: string;
  version: number;
}

export interface Passkey {
  id: string;
  name: string;
  createdAt: string;
  lastUsed?: string;
}

export interface Session {
  id: string;
  account: string;
  method: string;
  createdAt: string;
  seenAt: string;
  expiresAt: string;
  origin: string;
  agent: string;
  /** The one in which the page is open. */
  current?: boolean;
}

export interface Binding {
  id: string;
  account?: string;
  group?: string;
  role: string;
  scope: RowScope;
  own: boolean;
  origin: string;
  createdAt: string;
  createdBy: string;
}

export interface Group {
  id: string;
  name: string;
  origin: string;
  members: number;
  updatedAt: string;
}

export interface Role {
  role: string;
  purpose: string;
  permissions: string[];
}

export interface Token {
  id: string;
  kind: string;
  name: string;
  account?: string;
  hint: string;
  permissions: string[] | null;
  scope: RowScope;
  createdAt: string;
  createdBy: string;
  expiresAt: string;
  lastUsed?: string;
  revokedAt?: string;
}

/** What permissions allow, in words. */
export const permissions: Record<string, string> = {
  'inventory.read': 'Read the inventory and its findings',
  'inventory.edit': 'Register identities and assign owners',
  'findings.triage': 'Decide about findings',
  'usage.people': 'Be shown people’s names in usage histories',
  'sources.read': 'See sources and their scans',
  'sources.manage': 'Add, change and remove sources and collectors',
  'scans.run': 'Start scans',
  'rules.read': 'Read the rules',
  'audit.read': 'Read and verify the audit log',
  'evidence.export': 'Export lists and evidence',
  'accounts.manage': 'Invite people and bind roles',
  'tokens.manage': 'See and revoke the tokens of others',
  'channels.manage': 'Change channels, routes and streams',
  'settings.manage': 'Change settings of the installation',
  'ingest.write': 'Hand in what was found or read of logs elsewhere',
};

export const roles = ['viewer', 'identity-owner', 'reviewer', 'auditor', 'operator', 'admin'] as const;

/** A browser's own name for itself, in short. */
export function agentWords(agent: string): string {
  const browser = /(Firefox|Edg|OPR|Chrome|Safari)\/[\d.]+/.exec(agent)?.[1];
  const system = /(Windows|Mac OS X|Android|iPhone|iPad|Linux)/.exec(agent)?.[1];
  const names: Record<string, string> = { Edg: 'Edge', OPR: 'Opera' };
  if (!browser) return agent || 'an unknown program';
  return `${names[browser] ?? browser}${system ? ` on ${system.replace('Mac OS X', 'macOS')}` : ''}`;
}

export interface Invitation {
  id: string;
  account: string;
  login: string;
  name: string;
  createdAt: string;
  expiresAt: string;
}

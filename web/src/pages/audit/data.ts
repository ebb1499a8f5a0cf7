// What the API says about the audit log, in the words of its document.

export interface AuditRecord {
  id: string;
  seq: number;
  at: string;
  actor: { kind: string; name: string; host?: string };
  action: string;
  subject: string;
  details?: unknown;
  prevHash: string;
  hash: string;
}

export interface Verification {
  ok: boolean;
  summary: string;
  at: string;
}

/** The actions that records have, by the part before the dot. */
export const areas = [
  ['scan', 'Scans'],
  ['scope', 'Listings'],
  ['source', 'Sources'],
  ['finding', 'Findings'],
  ['registration', 'Registration'],
  ['sign_in', 'Sign-in'],
  ['session', 'Sessions'],
  ['account', 'Accounts'],
  ['role', 'Roles'],
  ['token', 'Tokens'],
  ['channel', 'Channels'],
  ['export', 'Exports'],
  ['checkpoint', 'Checkpoints'],
  ['rules', 'Rules'],
] as const;

// What the API says about owners and ownership rules, in the words of its document.

export interface Owner {
  id: string;
  title?: string;
  kind?: string;
  left?: boolean;
  identities: number;
  findings: Record<string, number> | null;
  explicit: number;
  unreviewed: number;
  privileged: number;
  backupFor: number;
}

export interface Evidence {
  signal: string;
  text: string;
  quote?: string;
  at?: string;
  place?: { path: string; line?: number };
}

export interface Suggestion {
  owner: string;
  title?: string;
  kind?: string;
  confidence: string;
  strength: number;
  summary: string;
  evidence: Evidence[] | null;
}

export interface OwnerDetail extends Owner {
  teams: string[] | null;
  manager?: string;
  rules: string[] | null;
  successors: Suggestion[] | null;
}

export interface QueueItem {
  id: string;
  name: string;
  key: string;
  kind: string;
  source: string;
  environment?: string;
  priority: number;
  privileged?: boolean;
  lastUsed?: string;
  createdAt?: string;
  reason: string;
  left?: string;
  suggestions: Suggestion[] | null;
}

export interface Match {
  accounts?: string[];
  units?: string[];
  namespaces?: string[];
  repositories?: string[];
  paths?: string[];
  tags?: string[];
  applications?: string[];
  names?: string[];
  sources?: string[];
  kinds?: string[];
}

export interface Rule {
  id?: string;
  title?: string;
  match: Match;
  owner: string;
  backup?: string;
}

export interface RuleSet {
  rules: Rule[] | null;
  fallback?: { owner: string; backup?: string };
}

export interface RuleEffect {
  rule?: string;
  settles: number;
  explicit: number;
  earlier: number;
  changes: number;
  examples: { id: string; name: string; now?: string; why?: string }[] | null;
}

export interface Preview {
  identities: number;
  explicit: number;
  rules: RuleEffect[] | null;
  fallback: RuleEffect;
  unowned: number;
  changes: number;
}

export const fields: { name: keyof Match; label: string; why: string; placeholder: string }[] = [
  { name: 'accounts', label: 'Accounts', why: 'Id or name of an account, project, subscription or organisation.', placeholder: 'prod-*' },
  { name: 'namespaces', label: 'Namespaces', why: 'Of a cluster.', placeholder: 'payments' },
  { name: 'repositories', label: 'Repositories', why: 'In which it lives or is declared.', placeholder: 'acme/billing-*' },
  { name: 'paths', label: 'Paths', why: 'The file that declares it.', placeholder: 'deploy/payments/*' },
  { name: 'tags', label: 'Tags', why: 'Of it or of what is around it: key=value, or a key.', placeholder: 'team=payments' },
  { name: 'applications', label: 'Applications', why: 'For which it is registered.', placeholder: 'billing' },
  { name: 'names', label: 'Names', why: 'Of the identity itself.', placeholder: 'ci-*' },
  { name: 'units', label: 'Units', why: 'Id, key or name of anything around it.', placeholder: 'ctn_…' },
  { name: 'sources', label: 'Sources', why: 'Which state it.', placeholder: 'aws-prod' },
  { name: 'kinds', label: 'Kinds', why: 'Such as role or pipeline.', placeholder: 'role' },
];

/** A rule's condition in words: "namespaces payments; tags team=payments". */
export function matchWords(m: Match): string {
  const words = fields.flatMap((f) => {
    const values = m[f.name] ?? [];
    return values.length ? [`${f.label.toLowerCase()} ${values.join(' or ')}`] : [];
  });
  return words.length ? words.join(', and ') : 'nothing yet';
}

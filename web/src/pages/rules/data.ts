// What the API says about rules, in the words of its document.

export interface RuleRow {
  id: string;
  title: string;
  over: string;
  severity: string;
  owasp: string[] | null;
  controls: string[] | null;
  open: number;
  openIsMore?: boolean;
}

export interface RuleCase {
  name: string;
  subject?: Record<string, unknown>;
}

export interface Rule extends RuleRow {
  where?: string;
  when: string;
  message: string;
  why?: string;
  remediation: string;
  references: string[] | null;
  fire: RuleCase[] | null;
  quiet: RuleCase[] | null;
}

import { Tooltip } from '@mantine/core';
import type { ReactNode } from 'react';
import { Word, word } from '@/lib/format';
import { glossary, type GlossaryTerm } from '@/lib/glossary';
import { Sign, type SignName } from './Sign';
import classes from './Words.module.css';

export type Tone = 'critical' | 'high' | 'medium' | 'low' | 'good' | 'unknown' | 'plain';

interface MarkProps {
  tone: Tone;
  sign: SignName;
  children: ReactNode;
  /** Draws the tone's wash behind it, for the heads of pages. */
  filled?: boolean;
}

/** A word with its sign and colour: meaning never rests on colour alone. */
export function Mark({ tone, sign, children, filled }: MarkProps) {
  return (
    <span className={classes.mark} data-tone={tone} data-filled={filled || undefined}>
      <Sign name={sign} />
      <span>{children}</span>
    </span>
  );
}

const severities: Record<string, { tone: Tone; sign: SignName }> = {
  critical: { tone: 'critical', sign: 'octagon' },
  high: { tone: 'high', sign: 'triangle' },
  medium: { tone: 'medium', sign: 'diamond' },
  low: { tone: 'low', sign: 'circle' },
  info: { tone: 'plain', sign: 'dot' },
};

/** A severity, or a priority in the same words. */
export function Severity({ value, filled }: { value: string; filled?: boolean }) {
  const s = severities[value] ?? { tone: 'unknown' as const, sign: 'hatched' as const };
  return (
    <Mark tone={s.tone} sign={s.sign} filled={filled}>
      {word(value || 'unknown')}
    </Mark>
  );
}

/** A priority of 0 to 100 with the word of its range. */
export function Priority({ value, reason }: { value: number; reason?: string }) {
  const level = value >= 75 ? 'critical' : value >= 50 ? 'high' : value >= 25 ? 'medium' : 'low';
  const s = severities[level] ?? { tone: 'plain' as const, sign: 'dot' as const };
  const body = (
    <span className={classes.priority} data-tone={s.tone}>
      <Sign name={s.sign} />
      <span className={classes.figure}>{value}</span>
    </span>
  );
  return reason ? (
    <Tooltip label={reason}>
      <span tabIndex={-1}>{body}</span>
    </Tooltip>
  ) : (
    body
  );
}

const uses: Record<string, { tone: Tone; sign: SignName }> = {
  used: { tone: 'good', sign: 'full' },
  active: { tone: 'good', sign: 'full' },
  idle: { tone: 'low', sign: 'half' },
  dormant: { tone: 'medium', sign: 'ring' },
  never_used: { tone: 'high', sign: 'dashed' },
  unknown: { tone: 'unknown', sign: 'hatched' },
};

/** The status of use. What is not known is said so, with its hatched sign. */
export function Usage({ value }: { value?: string | null }) {
  const key = value && uses[value] ? value : 'unknown';
  const u = uses[key] ?? { tone: 'unknown' as const, sign: 'hatched' as const };
  return (
    <Mark tone={u.tone} sign={u.sign}>
      {word(key)}
    </Mark>
  );
}

const grades: Record<string, string> = { A: 'complete', B: 'good', C: 'weak', D: 'none' };

/** The evidence of use in words. */
export const evidence = (grade?: string | null) => (grade ? (grades[grade] ?? word(grade)) : 'none');

const states: Record<string, { tone: Tone; sign: SignName }> = {
  active: { tone: 'good', sign: 'full' },
  complete: { tone: 'good', sign: 'full' },
  disabled: { tone: 'unknown', sign: 'ring' },
  inactive: { tone: 'unknown', sign: 'ring' },
  expired: { tone: 'medium', sign: 'ring' },
  revoked: { tone: 'unknown', sign: 'ring' },
  declared: { tone: 'low', sign: 'dashed' },
  requested: { tone: 'low', sign: 'dashed' },
  retiring: { tone: 'low', sign: 'half' },
  retired: { tone: 'unknown', sign: 'ring' },
  gone: { tone: 'unknown', sign: 'cross' },
  partial: { tone: 'medium', sign: 'half' },
  held: { tone: 'medium', sign: 'half' },
  failed: { tone: 'critical', sign: 'cross' },
  crashed: { tone: 'critical', sign: 'cross' },
  refused: { tone: 'medium', sign: 'ring' },
  running: { tone: 'low', sign: 'dashed' },
  open: { tone: 'high', sign: 'full' },
  reopened: { tone: 'high', sign: 'half' },
  acknowledged: { tone: 'low', sign: 'half' },
  accepted: { tone: 'unknown', sign: 'ring' },
  resolved: { tone: 'good', sign: 'check' },
};

/** The state of an identity, credential, finding, run or scope. */
export function State({ value, filled }: { value?: string | null; filled?: boolean }) {
  const s = (value && states[value]) || { tone: 'unknown' as const, sign: 'hatched' as const };
  return (
    <Mark tone={s.tone} sign={s.sign} filled={filled}>
      {word(value || 'unknown')}
    </Mark>
  );
}

/** A term of the vocabulary with its one-line explanation on hover and focus. */
export function Term({ of, children }: { of: GlossaryTerm; children?: ReactNode }) {
  return (
    <Tooltip label={glossary[of]}>
      <span className={classes.term} tabIndex={0} role="note" aria-label={`${textOf(children, of)}: ${glossary[of]}`}>
        {children ?? of}
      </span>
    </Tooltip>
  );
}

function textOf(children: ReactNode, fallback: string): string {
  return typeof children === 'string' ? children : fallback;
}

/** A short neutral label, such as an environment or a risk id. */
export function Tag({ children, title }: { children: ReactNode; title?: string }) {
  return (
    <span className={classes.tag} title={title}>
      {children}
    </span>
  );
}

/** What is not known, said in one way everywhere. */
export function Unknown({ children = 'not known' }: { children?: ReactNode }) {
  return <span className={classes.unknown}>{children}</span>;
}

export { Word, word };

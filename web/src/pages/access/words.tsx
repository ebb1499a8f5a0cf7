import { useState, type ReactNode } from 'react';
import type { AccessCondition, AccessReason, AccessThing } from '@/api/types';
import { Link } from '@/app/router';
import { Mark, Tag, word } from '@/components/Words';
import { middle } from '@/lib/format';
import classes from './access.module.css';

/** A decision in a word with its sign. */
export function Decision({ value }: { value: string }) {
  switch (value) {
    case 'Allowed':
      return <Mark tone="medium" sign="full">Allowed</Mark>;
    case 'Conditional':
      return <Mark tone="low" sign="half">Allowed only if</Mark>;
    case 'ExplicitlyDenied':
      return <Mark tone="good" sign="cross">Denied</Mark>;
    case 'ImplicitlyDenied':
      return <Mark tone="good" sign="ring">Not allowed</Mark>;
    default:
      return <Mark tone="unknown" sign="hatched">Unknown</Mark>;
  }
}

/** A condition in words. */
export function conditionText(c: AccessCondition): string {
  if (c.text) return c.text;
  const parts = c.anyOf?.length ? c.anyOf.map(conditionText).join(' or ') : c.allOf?.length ? c.allOf.map(conditionText).join(' and ') : `${c.key} ${c.operator} ${(c.values ?? []).join(' or ')}`;
  return c.negated ? `not (${parts})` : parts;
}

const pageOf = (t: AccessThing) =>
  t.id?.startsWith('idn_') ? `/identities/${t.id}` : t.id?.startsWith('crd_') ? `/credentials/${t.id}` : undefined;

/** A thing that an answer names, with the way to its page where it has one. */
export function Thing({ of: t, plain }: { of: AccessThing; plain?: boolean }) {
  if (t.hidden) return <span className="muted">{t.key}</span>;
  const name = middle(t.name || t.key, 56);
  const page = plain ? undefined : pageOf(t);
  return (
    <span className={classes.thing}>
      <span title={t.key}>{page ? <Link to={page}>{name}</Link> : name}</span>
      <span className={classes.small}>{[word(t.kind), t.realm].filter(Boolean).join(' · ')}</span>
      {t.administrator && <Tag>administrator</Tag>}
      {t.environment && <Tag>{t.environment}</Tag>}
      {t.dataClass && <Tag>{t.dataClass}</Tag>}
    </span>
  );
}

/** An answer about a thing, which opens to what it rests on. */
export function Row({ of: t, marks, open, children }: { of: AccessThing; marks: ReactNode; open?: boolean; children?: ReactNode }) {
  const page = pageOf(t);
  return (
    <li>
      <details className={classes.answer} open={open}>
        <summary>
          <span>
            <Thing of={t} plain />
          </span>
          {marks}
        </summary>
        {page && (
          <p className={classes.because}>
            <Link to={`${page}${page.startsWith('/identities') ? '?tab=access' : ''}`}>Open {middle(t.name || t.key, 40)}</Link>
          </p>
        )}
        {children}
      </details>
    </li>
  );
}

/** The statements that an answer rests on. */
export function Reasons({ of: reasons, remains, unread }: { of?: AccessReason[] | null; remains?: AccessCondition[] | null; unread?: string[] | null }) {
  const list = reasons ?? [];
  return (
    <>
      {(remains ?? []).length > 0 && <p className={classes.because}>Only if {(remains ?? []).map(conditionText).join(' and ')}.</p>}
      <ul className={classes.reasons}>
        {list.map((r, i) => (
          <li key={i}>
            {[r.layer, r.statement].filter(Boolean).join(', ')}
            {r.document && (
              <>
                {' '}
                of <code className="mono" title={r.document}>{middle(r.document, 72)}</code>
              </>
            )}
            {r.text && <span className="muted">: {r.text}</span>}
          </li>
        ))}
      </ul>
      {(unread ?? []).length > 0 && <p className="muted">Unless forbidden by {(unread ?? []).join(', ')}, which were not read.</p>}
    </>
  );
}

/** What was not read, so that an answer may miss something. */
export function Gaps({ of: gaps }: { of?: string[] | null }) {
  const [all, setAll] = useState(false);
  const list = gaps ?? [];
  if (list.length === 0) return null;
  const shown = all ? list : list.slice(0, 2);
  return (
    <div className={classes.gaps} role="note">
      <Mark tone="unknown" sign="hatched">Not everything was read, so there may be more</Mark>
      <ul>
        {shown.map((g) => (
          <li key={g}>{g}</li>
        ))}
      </ul>
      {list.length > shown.length && (
        <button type="button" onClick={() => setAll(true)}>
          and {list.length - shown.length} more
        </button>
      )}
    </div>
  );
}

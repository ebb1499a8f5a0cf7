import type { ReactNode } from 'react';
import type { GrantedAccess, IdentityDetail, UsageAnswer } from '@/api/types';
import { evidence, Rows, Severity, Term, Time, Usage } from '@/components/index';
import { count, plural, sentence } from '@/lib/format';
import classes from './identity.module.css';

interface Props {
  identity: IdentityDetail;
  access: GrantedAccess | undefined;
  accessFailed: boolean;
  /** What logs say of its use, once it is read. */
  usage: UsageAnswer | undefined;
  usageFailed: boolean;
  show: (tab: string) => void;
}

/** The three answers that most visits are about: is it used, what can it do, what is wrong with it. */
export function Summary({ identity: d, access, accessFailed, usage, usageFailed, show }: Props) {
  const worst = (access?.consequences ?? []).flatMap((c) => (c.sentences ?? []).map((s) => s.text)).slice(0, 3);
  const more = (access?.consequences ?? []).reduce((n, c) => n + (c.sentences?.length ?? 0), 0) - worst.length;
  const severities = ['critical', 'high', 'medium', 'low'].filter((s) => (d.findings?.[s] ?? 0) > 0);
  return (
    <div className={classes.summary}>
      <Card title={<Term of="evidence of use">Use</Term>}>
        {!usage && !usageFailed ? <Rows count={2} height={22} /> : <Used of={usage?.judgedAt ? { ...usage, status: usage.verdict } : d.use} />}
      </Card>
      <Card title={<Term of="grant">Can do</Term>}>
        {!access && !accessFailed ? (
          <Rows count={2} height={22} />
        ) : accessFailed ? (
          <p className="muted">What it may do could not be read.</p>
        ) : worst.length === 0 ? (
          <p className="muted">{access && access.missing > 0 ? 'Its policies were not seen.' : 'Nothing is granted to it, as far as its sources say.'}</p>
        ) : (
          <>
            {worst.map((text) => (
              <p key={text}>{text}</p>
            ))}
            {more > 0 && (
              <button type="button" className={classes.more} onClick={() => show('access')}>
                and {plural(more, ['more thing', 'more things'])}
              </button>
            )}
          </>
        )}
      </Card>
      <Card title={<Term of="finding">Findings</Term>}>
        {severities.length === 0 ? (
          <p className="muted">None open.</p>
        ) : (
          <>
            <p className={classes.severities}>
              {severities.map((s) => (
                <span key={s}>
                  <Severity value={s} /> {count(d.findings?.[s] ?? 0)}
                </span>
              ))}
            </p>
            <button type="button" className={classes.more} onClick={() => show('findings')}>
              see what to do
            </button>
          </>
        )}
      </Card>
    </div>
  );
}

function Used({ of: u }: { of: { status: string; grade: string; lastUsed?: string; reason: string } }) {
  return (
    <>
      <p className={classes.lead}>
        <Usage value={u.status} />
        <span className="muted"> · evidence {evidence(u.grade)}</span>
      </p>
      {u.lastUsed && (
        <p>
          Last used <Time at={u.lastUsed} />
        </p>
      )}
      <p className={classes.why} title={sentence(u.reason)}>
        {sentence(u.reason)}
      </p>
    </>
  );
}

function Card({ title, children }: { title: ReactNode; children: ReactNode }) {
  return (
    <section className={classes.card}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

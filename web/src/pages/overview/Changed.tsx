import { Link } from '@/app/router';
import { Empty } from '@/components/States';
import { Mark, type Tone } from '@/components/Words';
import type { SignName } from '@/components/Sign';
import { Time } from '@/components/Time';
import { total } from '@/lib/format';
import { listOf, type Happened } from './data';
import classes from './overview.module.css';

const marks: Record<string, { tone: Tone; sign: SignName }> = {
  new_identities: { tone: 'low', sign: 'full' },
  gone_identities: { tone: 'unknown', sign: 'cross' },
  new_credentials: { tone: 'low', sign: 'full' },
  new_findings: { tone: 'high', sign: 'triangle' },
  resolved_findings: { tone: 'good', sign: 'check' },
  gained: { tone: 'medium', sign: 'diamond' },
  expiring: { tone: 'medium', sign: 'half' },
  failed_scans: { tone: 'critical', sign: 'cross' },
};

/** Where there is a page of an example. */
function pageOf(h: Happened, e: { id?: string; kind: string; name: string }): string | undefined {
  if (h.kind === 'failed_scans') return `/sources/${encodeURIComponent(e.name)}`;
  if (!e.id) return undefined;
  const list = h.kind.endsWith('_findings') ? 'findings' : h.kind === 'new_credentials' || h.kind === 'expiring' ? 'credentials' : 'identities';
  return `/${list}/${e.id}`;
}

/** What changed since the visit before, grouped. */
export function Changed({ since, items }: { since: string | undefined; items: Happened[] }) {
  return (
    <>
      <p className={classes.since}>
        {since ? (
          <>
            since you were here <Time at={since} />
          </>
        ) : (
          'in the last week; this is your first visit'
        )}
      </p>
      {items.length === 0 ? (
        <Empty title="Nothing changed.">The scans since then found everything as it was.</Empty>
      ) : (
        <ul className={classes.changed}>
          {items.map((h) => {
            const m = marks[h.kind] ?? { tone: 'plain' as const, sign: 'dot' as const };
            const to = listOf(h.list, h.filter);
            const examples = (h.examples ?? []).slice(0, 3);
            return (
              <li key={h.kind}>
                <div className={classes.changedHead}>
                  <Mark tone={m.tone} sign={m.sign}>
                    <span className={classes.changedText}>{h.text}</span>
                  </Mark>
                  {to && (
                    <Link to={to} aria-label={`Show ${total(h.count, h.isMore)}: ${h.text}`}>
                      show
                    </Link>
                  )}
                </div>
                {examples.length > 0 && (
                  <p className="muted">
                    {examples.map((e, i) => {
                      const page = pageOf(h, e);
                      return (
                        <span key={e.id ?? i}>
                          {i > 0 && ', '}
                          {page ? <Link to={page}>{e.name}</Link> : e.name}
                        </span>
                      );
                    })}
                    {h.count > examples.length && ' …'}
                  </p>
                )}
              </li>
            );
          })}
        </ul>
      )}
    </>
  );
}

import { useGet } from '@/api/query';
import type { FindingRow, Items } from '@/api/types';
import { Link } from '@/app/router';
import { Priority, Severity } from '@/components/index';
import classes from './identity.module.css';
import { Empty, Failed, Rows, State, Time } from './parts';

/** What is wrong with it, worst first, and what would settle it. */
export function Findings({ id }: { id: string }) {
  const q = useGet<Items<FindingRow>>(`/identities/${encodeURIComponent(id)}/findings`);
  if (!q.data) return q.error ? <Failed what="The list of findings" error={q.error} retry={() => void q.refetch()} /> : <Rows count={5} />;
  const rows = q.data.items ?? [];
  if (rows.length === 0) return <Empty title="No open finding.">None of the rules that ran holds for it or its credentials.</Empty>;
  return (
    <ul className={classes.findings}>
      {rows.map((f) => (
        <li key={f.id}>
          <div className={classes.findingHead}>
            <Priority value={f.priority} {...(f.priorityReason && { reason: f.priorityReason })} />
            <Link to={`/findings/${f.id}`} className={classes.findingTitle}>
              {f.title}
            </Link>
            <Severity value={f.severity} />
            <State value={f.state} />
            <span className="muted">
              since <Time at={f.firstSeen} />
            </span>
          </div>
          <p>{f.message}</p>
          {f.remediation && <p className="muted">{f.remediation}</p>}
        </li>
      ))}
    </ul>
  );
}

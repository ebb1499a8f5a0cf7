import { Link } from '@/app/router';
import { Empty } from '@/components/States';
import { Severity } from '@/components/Words';
import { plural } from '@/lib/format';
import type { Fix } from './data';
import classes from './overview.module.css';

/** The changes that settle most. */
export function Fixes({ fixes }: { fixes: Fix[] }) {
  if (fixes.length === 0) return <Empty title="Nothing to do.">No finding is open. Rules run after every scan.</Empty>;
  return (
    <ol className={classes.fixes}>
      {fixes.slice(0, 10).map((f) => (
        <li key={f.fix}>
          <span className={classes.fixSeverity}>
            <Severity value={f.severity} />
          </span>
          <div className={classes.fixText}>
            <Link to={`/findings?fix=${encodeURIComponent(f.fix)}`} className={classes.fixTitle}>
              {f.title}
            </Link>
            <p className="muted">{f.reason}</p>
          </div>
          <span className={classes.settles}>
            settles {plural(f.findings, ['finding', 'findings'])}
            <span className="muted">{plural(f.identities, ['identity', 'identities'])}</span>
          </span>
        </li>
      ))}
    </ol>
  );
}

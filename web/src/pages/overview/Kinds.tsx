import { Link } from '@/app/router';
import { count, word } from '@/lib/format';
import type { Figures } from './data';
import classes from './overview.module.css';

/** How many of which kind, as bars. */
export function Kinds({ figures }: { figures: Figures }) {
  const all = Object.entries(figures.byKind ?? {}).sort((a, b) => b[1] - a[1]);
  const shown = all.slice(0, 9);
  const rest = all.slice(9).reduce((n, [, k]) => n + k, 0);
  const most = shown[0]?.[1] ?? 1;
  return (
    <ul className={classes.kinds}>
      {shown.map(([kind, n]) => (
        <li key={kind}>
          <Link to={`/identities?class=non_human&kind=${encodeURIComponent(kind)}`}>{word(kind || 'other')}</Link>
          <span className={classes.kindBar} aria-hidden="true">
            <i style={{ width: `${Math.max(0.5, (n / most) * 100)}%` }} />
          </span>
          <span className="num">{count(n)}</span>
        </li>
      ))}
      {rest > 0 && (
        <li>
          <span className="muted">other kinds</span>
          <span />
          <span className="num">{count(rest)}</span>
        </li>
      )}
      {figures.unclear > 0 && (
        <li>
          <Link to="/identities?class=unclear">unclear</Link>
          <span className={classes.kindBar} aria-hidden="true">
            <i className="hatched" style={{ width: `${Math.max(0.5, Math.min(1, figures.unclear / most) * 100)}%` }} />
          </span>
          <span className="num">{count(figures.unclear)}</span>
        </li>
      )}
    </ul>
  );
}

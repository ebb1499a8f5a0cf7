import { useGet } from '@/api/query';
import type { UsageShares } from '@/api/types';
import { Link } from '@/app/router';
import { Failed, Rows, Usage } from '@/components/index';
import { evidence } from '@/components/Words';
import { count, share, word } from '@/lib/format';
import classes from './overview.module.css';

const statuses = ['active', 'idle', 'dormant', 'never_used', 'unknown'];
const grades = ['A', 'B', 'C', 'D'];

/** How many are still used, and how sure that is: each figure opens the list behind it. */
export function Uses() {
  const q = useGet<UsageShares>('/usage/shares', {}, { staleTime: 60_000 });
  if (q.error && !q.data) return <Failed what="The usage statuses" error={q.error} retry={() => void q.refetch()} />;
  return (
    <div className={classes.uses}>
      {(['identity', 'credential'] as const).map((type) => (
        <div key={type}>{q.data ? <Of type={type} shares={(q.data.items ?? []).filter((i) => i.type === type)} /> : <Rows count={7} height={30} />}</div>
      ))}
    </div>
  );
}

const plurals = { identity: 'identities', credential: 'credentials' };

function Of({ type, shares }: { type: 'identity' | 'credential'; shares: { status: string; grade: string; n: number }[] }) {
  const of = plurals[type];
  const sum = (status?: string, grade?: string) => shares.filter((i) => (!status || i.status === status) && (!grade || i.grade === grade)).reduce((n, i) => n + i.n, 0);
  const total = sum();
  return (
    <>
      <div
        className={classes.usesBar}
        role="img"
        aria-label={total === 0 ? `No ${of} were judged yet` : `Of ${count(total)} ${of}: ${statuses.map((s) => `${share(sum(s), total)} ${word(s)}`).join(', ')}`}
      >
        {total > 0 && statuses.map((s) => <i key={s} data-status={s} className={s === 'unknown' ? 'hatched' : undefined} style={{ width: `${(sum(s) / total) * 100}%` }} />)}
      </div>
      <div className={classes.scroll} role="group" tabIndex={0} aria-label={`Usage status and evidence of ${of}`}>
        <table className={classes.usesTable}>
          <thead>
            <tr>
              <th scope="col">{of.charAt(0).toUpperCase() + of.slice(1)}</th>
              <th scope="col" className="num">
                All
              </th>
              {grades.map((g) => (
                <th key={g} scope="col" className="num">
                  <span className="muted">{evidence(g)}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {statuses.map((s) => (
              <tr key={s}>
                <th scope="row">
                  <Usage value={s} />
                </th>
                {[undefined, ...grades].map((g) => (
                  <td key={g ?? 'all'} className="num">
                    <Figure n={sum(s, g)} to={`/usage?of=${of}&status=${s}${g ? `&grade=${g}` : ''}`} what={`${of}, ${word(s)}${g ? `, evidence ${evidence(g)}` : ''}`} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Figure({ n, to, what }: { n: number; to: string; what: string }) {
  if (n === 0) return <span className="muted">–</span>;
  return (
    <Link to={to} aria-label={`${count(n)} ${what}`}>
      {count(n)}
    </Link>
  );
}

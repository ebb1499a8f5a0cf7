import { evidence } from '@/components/Words';
import { count } from '@/lib/format';
import type { Coverage, SystemUse } from './data';
import classes from './overview.module.css';

/** On what evidence use is known in a source: of its one system, or of each. */
export function UseOf({ of }: { of: Coverage }) {
  const systems = of.systems ?? [];
  const shares = of.useSystems ?? [];
  const total = shares.reduce((n, s) => n + s.n, 0);
  const only = systems[0];
  if (of.identities + of.credentials === 0) return <>nobody to know of</>;
  if (!only) return <>{evidence(of.use)}</>;
  if (total === 1) return <System use={only} />;
  return (
    <details className={classes.systems}>
      <summary>{shares.map((s) => `${evidence(s.grade)} in ${count(s.n)}`).join(', ')} systems</summary>
      <ul>
        {systems.map((s) => (
          <li key={s.realm}>
            <span className="mono">{s.realm}</span> <System use={s} />
          </li>
        ))}
        {total > systems.length && <li>and {count(total - systems.length)} more</li>}
      </ul>
    </details>
  );
}

function System({ use }: { use: SystemUse }) {
  const stretches = use.coverage ?? [];
  if (use.by === 'none') return <>{use.waiting && (use.judged ?? []).length === 0 ? 'not judged yet' : 'none: no log is read'}</>;
  if (use.by === 'field') return <>{evidence(use.grade)}, by last-used fields</>;
  return (
    <>
      {stretches.map((s, i) => (
        <span key={s.from} className={classes.stretch}>
          {i > 0 && 'then '}
          {evidence(s.grade)}, <Day at={s.from} /> to <Day at={s.to} />
        </span>
      ))}
      <span className={classes.stretch}>
        known of {(use.judged ?? []).map((g) => `${count(g.n)} ${evidence(g.grade)}`).join(', ') || 'nobody'}
        {use.waiting ? `, ${count(use.waiting)} not judged yet` : ''}
      </span>
    </>
  );
}

const Day = ({ at }: { at: string }) => <time dateTime={at}>{at.slice(0, 10)}</time>;

import { Time } from './Time';
import { Unknown } from './Words';
import classes from './Evidence.module.css';

const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

/** What a rule saw, by name. Nothing here is taken for markup. */
export function Evidence({ of }: { of: Record<string, unknown> }) {
  const entries = Object.entries(of);
  if (entries.length === 0) return <Unknown>The rule quotes nothing beyond its message.</Unknown>;
  return (
    <dl className={classes.evidence}>
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{name.replaceAll('_', ' ')}</dt>
          <dd>
            <Value value={value} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** A value of any shape as text. */
export function Value({ value }: { value: unknown }) {
  if (value === null || value === undefined || value === '') return <Unknown>none</Unknown>;
  if (typeof value === 'boolean') return <>{value ? 'yes' : 'no'}</>;
  if (typeof value === 'number') return <>{value.toLocaleString()}</>;
  if (typeof value === 'string') return isTime.test(value) ? <Time at={value} /> : <span>{value}</span>;
  if (Array.isArray(value)) {
    if (value.length === 0) return <Unknown>none</Unknown>;
    return (
      <ul className={classes.list}>
        {value.slice(0, 50).map((v, i) => (
          <li key={i}>
            <Value value={v} />
          </li>
        ))}
        {value.length > 50 && <li className="muted">and {(value.length - 50).toLocaleString()} more</li>}
      </ul>
    );
  }
  return <code className={classes.raw}>{JSON.stringify(value, null, 1)}</code>;
}

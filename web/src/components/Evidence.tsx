import { useState } from 'react';
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
  if (Array.isArray(value)) return value.length === 0 ? <Unknown>none</Unknown> : <Several of={value} />;
  return <code className={classes.raw}>{JSON.stringify(value, null, 1)}</code>;
}

const few = 8;

function Several({ of }: { of: unknown[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? of : of.slice(0, of.length <= few + 2 ? of.length : few);
  return (
    <>
      <ul className={classes.list}>
        {shown.map((v, i) => (
          <li key={i}>
            <Value value={v} />
          </li>
        ))}
      </ul>
      {shown.length < of.length && (
        <button type="button" className={classes.more} onClick={() => setAll(true)}>
          Show all {of.length.toLocaleString()}
        </button>
      )}
    </>
  );
}

import { count } from '@/lib/format';
import type { Source } from './data';
import classes from './sources.module.css';

/** How many scopes of a source are wholly known; what is not is hatched. */
export function Completeness({ of }: { of: Source['completeness'] }) {
  if (of.scopes === 0) return <span className="muted">nothing read yet</span>;
  const part = (n: number) => `${(n / of.scopes) * 100}%`;
  return (
    <span className={classes.complete}>
      <span className={classes.share} aria-hidden="true">
        <span style={{ width: part(of.complete), background: 'var(--rt-good)' }} />
        <span style={{ width: part(of.partial + of.held), background: 'var(--rt-medium)' }} />
        <span style={{ width: part(of.failed), background: 'var(--rt-critical)' }} />
        <span className="hatched" style={{ flex: 1 }} />
      </span>
      <span>
        {count(of.complete)} of {count(of.scopes)}
      </span>
    </span>
  );
}

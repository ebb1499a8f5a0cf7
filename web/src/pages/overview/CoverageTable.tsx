import { Tooltip } from '@mantine/core';
import { Link } from '@/app/router';
import { Empty } from '@/components/States';
import { Time } from '@/components/Time';
import { State, Term } from '@/components/Words';
import { count, plural, word } from '@/lib/format';
import type { Coverage } from './data';
import { UseOf } from './UseOf';
import classes from './overview.module.css';

/** How well each source is known: scanned when, complete or not, what it cannot see. */
export function CoverageTable({ rows }: { rows: Coverage[] }) {
  if (rows.length === 0) return <Empty title="No source yet.">Nothing is read, so nothing is known.</Empty>;
  return (
    <div className={classes.scroll} tabIndex={0} role="region" aria-label="Coverage of the sources">
      <table className={classes.table}>
        <thead>
          <tr>
            <th scope="col">Source</th>
            <th scope="col">Last scan</th>
            <th scope="col" className="num">
              Identities
            </th>
            <th scope="col">
              <Term of="evidence of use">Use</Term>
            </th>
            <th scope="col">Missing</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((c) => {
            const missing = [...(c.missing ?? []), ...(c.problems ?? [])];
            return (
              <tr key={c.id}>
                <th scope="row">
                  <Link to={`/sources/${encodeURIComponent(c.name)}`}>{c.name}</Link> <span className="muted">{word(c.kind)}</span>
                </th>
                <td>
                  <span className={classes.scan}>
                    <State value={c.state} />
                    <span className="muted">
                      <Time at={c.scannedAt} none="never" />
                    </span>
                  </span>
                </td>
                <td className="num">{count(c.identities)}</td>
                <td className="muted">
                  <UseOf of={c} />
                </td>
                <td>
                  {c.incomplete > 0 && <span>{plural(c.incomplete, ['part', 'parts'])} incomplete</span>}
                  {c.incomplete > 0 && missing.length > 0 && ', '}
                  {missing.length > 0 && (
                    <Tooltip label={missing.slice(0, 6).join('; ')}>
                      <span tabIndex={0} className={classes.dotted}>
                        {plural((c.missing ?? []).length || missing.length, (c.missing ?? []).length > 0 ? ['privilege', 'privileges'] : ['problem', 'problems'])}
                      </span>
                    </Tooltip>
                  )}
                  {c.incomplete === 0 && missing.length === 0 && <span className="muted">nothing</span>}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

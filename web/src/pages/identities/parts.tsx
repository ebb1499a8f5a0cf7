import type { ReactNode } from 'react';
import classes from './identity.module.css';

export { Block, Empty, Failed, Key, Mark, Name, Notice, Rows, Section, State, Tag, Term, Time, Unknown, Usage, evidence } from '@/components/index';

/** A short table that is not a list of the server's. */
export function SimpleTable({ label, head, rows }: { label: string; head: string[]; rows: ReactNode[][] }) {
  return (
    <div className={classes.tableScroll} tabIndex={0} role="region" aria-label={label}>
      <table className={classes.simple}>
        <caption>{label}</caption>
        <thead>
          <tr>
            {head.map((h) => (
              <th key={h} scope="col">
                {h}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={i}>
              {row.map((cell, j) => (
                <td key={j} data-head={head[j]}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

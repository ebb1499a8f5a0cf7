import type { ReactNode } from 'react';
import classes from './Simple.module.css';

export interface SimpleColumn<T> {
  name: string;
  head: ReactNode;
  cell: (row: T) => ReactNode;
  /** Figures stand at the right. */
  right?: boolean;
  /** Left out on narrow screens. */
  wide?: boolean;
}

interface SimpleProps<T> {
  /** What the table lists, for people who hear it. */
  label: string;
  columns: SimpleColumn<T>[];
  rows: T[];
  id: (row: T) => string;
  /** What stands there without rows. */
  empty?: ReactNode;
}

/** A short table that is neither sorted nor paged: the whole of something small. */
export function Simple<T>({ label, columns, rows, id, empty }: SimpleProps<T>) {
  if (rows.length === 0 && empty) return <>{empty}</>;
  return (
    <div className={classes.scroll} role="group" aria-label={label} tabIndex={0}>
      <table className={classes.table}>
        <thead>
          <tr>
            {columns.map((c) => (
              <th key={c.name} scope="col" data-right={c.right || undefined} data-wide={c.wide || undefined}>
                {c.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={id(row)}>
              {columns.map((c) => (
                <td key={c.name} data-right={c.right || undefined} data-wide={c.wide || undefined}>
                  {c.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

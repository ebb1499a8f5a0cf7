import type { ReactNode } from 'react';
import classes from './Columns.module.css';

/** A wide column to read, and a narrow one with the particulars beside it; below each other where it is narrow. */
export function Columns({ children, side }: { children: ReactNode; side: ReactNode }) {
  return (
    <div className={classes.columns}>
      <div className={classes.main}>{children}</div>
      <aside className={classes.side}>{side}</aside>
    </div>
  );
}

/** The particulars of a thing, one under the other. */
export function Facts({ rows }: { rows: ([ReactNode, ReactNode] | false | undefined)[] }) {
  return (
    <dl className={classes.facts}>
      {rows.map((row, i) => {
        if (!row) return null;
        return (
          <div key={i}>
            <dt>{row[0]}</dt>
            <dd>{row[1]}</dd>
          </div>
        );
      })}
    </dl>
  );
}

/** Marks beside each other under a title: state, severity, kind. */
export function Marks({ children }: { children: ReactNode }) {
  return <div className={classes.marks}>{children}</div>;
}

import { Checkbox } from '@mantine/core';
import { Rows } from '@/components/Skeletons';
import classes from './List.module.css';
import type { ListSpec } from './spec';

interface Props<Row> {
  spec: ListSpec<Row>;
  rows: Row[] | undefined;
  shown: string[];
  choosable: boolean;
  chosen: Set<string>;
  stale: boolean;
  onChoose: (id: string, on: boolean, range: boolean) => void;
}

/** The rows of a narrow screen: what it is, what matters beside it, and the rest in lines. */
export function Cards<Row>({ spec, rows, shown, choosable, chosen, stale, onChoose }: Props<Row>) {
  if (!rows) return <Rows count={8} height={64} />;
  const columns = spec.columns.filter((c) => c.card && (shown.includes(c.id) || c.card === 'title'));
  const titles = columns.filter((c) => c.card === 'title');
  const asides = columns.filter((c) => c.card === 'aside');
  const lines = columns.filter((c) => c.card === 'line' || c.card === 'plain');
  return (
    <ul className={classes.cards} data-stale={stale || undefined} aria-label={spec.noun[1]}>
      {rows.map((row) => {
        const id = spec.rowId(row);
        return (
          <li key={id} className={classes.card} data-chosen={chosen.has(id) || undefined}>
            {choosable && (
              <Checkbox
                size="sm"
                aria-label={`Choose ${spec.rowLabel(row)}`}
                checked={chosen.has(id)}
                onChange={(event) => onChoose(id, event.currentTarget.checked, false)}
              />
            )}
            <div className={classes.cardBody}>
              <div className={classes.cardHead}>
                <div className={classes.cardTitle}>{titles.map((c) => <div key={c.id}>{c.cell(row)}</div>)}</div>
                <div>{asides.map((c) => <div key={c.id}>{c.cell(row)}</div>)}</div>
              </div>
              <dl className={classes.cardLines}>
                {lines.map((c) => (
                  <div key={c.id}>
                    <dt className={c.card === 'plain' ? classes.hidden : undefined}>{c.header}</dt>
                    <dd>{c.cell(row)}</dd>
                  </div>
                ))}
              </dl>
            </div>
          </li>
        );
      })}
    </ul>
  );
}

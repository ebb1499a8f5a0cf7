import { Checkbox, Skeleton, Tooltip } from '@mantine/core';
import {
  columnOrderingFeature,
  columnVisibilityFeature,
  tableFeatures,
  useTable,
  type ColumnDef,
} from '@tanstack/react-table';
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { useMemo } from 'react';
import classes from './List.module.css';
import type { Column, ListSpec } from './spec';

const features = tableFeatures({ columnOrderingFeature, columnVisibilityFeature });

interface Props<Row extends object> {
  spec: ListSpec<Row>;
  rows: Row[] | undefined;
  shown: string[];
  sort: string;
  density: 'compact' | 'roomy';
  at: number;
  /** Whether rows can be chosen. */
  choosable: boolean;
  chosen: Set<string>;
  stale: boolean;
  onSort: (sort: string) => void;
  onChoose: (id: string, on: boolean, range: boolean) => void;
  onChooseAll: (on: boolean) => void;
  onAt: (index: number) => void;
  onOpen: (row: Row) => void;
  skeletons: number;
}

/** Rows under their columns. */
export function Table<Row extends object>(props: Props<Row>) {
  const { spec, rows, shown, sort, density, at, choosable, chosen } = props;
  const columns = useMemo<ColumnDef<typeof features, Row>[]>(
    () => spec.columns.map((c) => ({ id: c.id, header: c.header, cell: ({ row }) => c.cell(row.original) })),
    [spec],
  );
  const data = useMemo(() => rows ?? [], [rows]);
  const state = useMemo(
    () => ({ columnOrder: shown, columnVisibility: Object.fromEntries(spec.columns.map((c) => [c.id, shown.includes(c.id)])) }),
    [shown, spec],
  );
  const table = useTable({ features, columns, data, state, getRowId: spec.rowId });
  const by = (id: string) => spec.columns.find((c) => c.id === id) as Column<Row>;
  const headers = table.getHeaderGroups()[0]?.headers ?? [];
  const all = data.length > 0 && data.every((r) => chosen.has(spec.rowId(r)));
  const some = data.some((r) => chosen.has(spec.rowId(r)));

  return (
    <div className={classes.scroll} tabIndex={-1}>
      <table className={classes.table} data-density={density} data-stale={props.stale || undefined} aria-busy={!rows}>
        <caption className={classes.hidden}>{spec.noun[1]}</caption>
        <thead>
          <tr>
            {choosable && (
              <th scope="col" className={classes.check}>
                <Checkbox
                  aria-label="Choose every row of this page"
                  checked={all}
                  indeterminate={some && !all}
                  onChange={() => props.onChooseAll(!all)}
                />
              </th>
            )}
            {headers.map((h) => (
              <Head key={h.id} column={by(h.column.id)} sort={sort} onSort={props.onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {!rows
            ? Array.from({ length: props.skeletons }, (_, i) => (
                <tr key={i} aria-hidden="true">
                  {choosable && <td className={classes.check} />}
                  {headers.map((h, j) => (
                    <td key={h.id}>
                      <Skeleton height={10} width={`${[72, 54, 62, 40, 66, 48][(i + j) % 6] ?? 50}%`} />
                    </td>
                  ))}
                </tr>
              ))
            : table.getRowModel().rows.map((row, i) => {
                const on = chosen.has(row.id);
                return (
                  <tr
                    key={row.id}
                    data-row={i}
                    data-at={i === at || undefined}
                    data-chosen={on || undefined}
                    tabIndex={-1}
                    onFocus={() => props.onAt(i)}
                    onClick={(event) => {
                      if ((event.target as HTMLElement).closest('a,button,input,label')) return;
                      if (window.getSelection()?.toString()) return;
                      props.onOpen(row.original);
                    }}
                  >
                    {choosable && (
                      <td className={classes.check}>
                        <Checkbox
                          aria-label={`Choose ${spec.rowLabel(row.original)}`}
                          checked={on}
                          onChange={() => undefined}
                          onClick={(event) => props.onChoose(row.id, !on, event.shiftKey)}
                        />
                      </td>
                    )}
                    {row.getVisibleCells().map((cell) => {
                      const c = by(cell.column.id);
                      return (
                        <td key={cell.id} data-align={c.align}>
                          {c.cell(row.original)}
                        </td>
                      );
                    })}
                  </tr>
                );
              })}
        </tbody>
      </table>
    </div>
  );
}

function Head<Row>({ column, sort, onSort }: { column: Column<Row>; sort: string; onSort: (sort: string) => void }) {
  const down = sort === `-${column.sort}`;
  const on = Boolean(column.sort) && (down || sort === column.sort);
  const style = column.width ? { width: column.width } : undefined;
  const label = column.help ? (
    <Tooltip label={column.help}>
      <span>{column.header}</span>
    </Tooltip>
  ) : (
    column.header
  );
  if (!column.sort)
    return (
      <th scope="col" style={style} data-align={column.align}>
        {label}
      </th>
    );
  const next = on ? (down ? (column.sort) : `-${column.sort}`) : column.down ? `-${column.sort}` : column.sort;
  return (
    <th scope="col" style={style} data-align={column.align} aria-sort={on ? (down ? 'descending' : 'ascending') : undefined}>
      <button type="button" className={classes.sort} onClick={() => onSort(next)}>
        {label}
        <span className={classes.arrow} data-on={on || undefined} aria-hidden="true">
          {(on ? down : column.down) ? <IconArrowDown size={12} /> : <IconArrowUp size={12} />}
        </span>
      </button>
    </th>
  );
}

import { SegmentedControl } from '@mantine/core';
import classes from './overview.module.css';

/** Chooses how far back trends go. */
export function Span({ days, set }: { days: number; set: (days: number) => void }) {
  return (
    <div className={classes.span}>
      <SegmentedControl
        size="xs"
        aria-label="How far back trends go"
        data={[
          { value: '90', label: '90 days' },
          { value: '365', label: 'a year' },
        ]}
        value={String(days)}
        onChange={(v) => set(Number(v))}
      />
    </div>
  );
}

import { ActionIcon, Button, Checkbox, Popover, SegmentedControl, Stack } from '@mantine/core';
import { IconAdjustmentsHorizontal, IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import classes from './List.module.css';
import type { Column } from './spec';

interface Props<Row> {
  all: Column<Row>[];
  shown: string[];
  density: 'compact' | 'roomy';
  setShown: (ids: string[] | undefined) => void;
  setDensity: (density: 'compact' | 'roomy') => void;
}

/** Chooses which columns stand in which order, and how close the rows stand. */
export function Columns<Row>({ all, shown, density, setShown, setDensity }: Props<Row>) {
  const ordered = [...shown.flatMap((id) => all.find((c) => c.id === id) ?? []), ...all.filter((c) => !shown.includes(c.id))];
  const move = (id: string, by: number) => {
    const next = [...shown];
    const i = next.indexOf(id);
    const j = i + by;
    if (i < 0 || j < 0 || j >= next.length) return;
    next.splice(j, 0, ...next.splice(i, 1));
    setShown(next);
  };
  return (
    <Popover position="bottom-end" width={280} trapFocus returnFocus>
      <Popover.Target>
        <Button variant="subtle" color="gray" leftSection={<IconAdjustmentsHorizontal size={15} aria-hidden="true" />} aria-haspopup="dialog">
          Columns
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Columns">
        <Stack gap={10}>
          <SegmentedControl
            size="xs"
            fullWidth
            aria-label="How close the rows stand"
            value={density}
            onChange={(value) => setDensity(value as 'compact' | 'roomy')}
            data={[
              { value: 'compact', label: 'Compact' },
              { value: 'roomy', label: 'Roomy' },
            ]}
          />
          <div className={classes.choices}>
            {ordered.map((c) => {
              const on = shown.includes(c.id);
              return (
                <div key={c.id} className={classes.columnRow}>
                  <Checkbox
                    label={c.header}
                    checked={on}
                    disabled={c.fixed ?? false}
                    onChange={() => setShown(on ? shown.filter((id) => id !== c.id) : [...shown, c.id])}
                  />
                  {on && (
                    <span>
                      <ActionIcon size={24} aria-label={`Move ${c.header} to the left`} disabled={shown[0] === c.id} onClick={() => move(c.id, -1)}>
                        <IconArrowUp size={13} />
                      </ActionIcon>
                      <ActionIcon size={24} aria-label={`Move ${c.header} to the right`} disabled={shown.at(-1) === c.id} onClick={() => move(c.id, 1)}>
                        <IconArrowDown size={13} />
                      </ActionIcon>
                    </span>
                  )}
                </div>
              );
            })}
          </div>
          <Button variant="subtle" color="gray" onClick={() => setShown(undefined)}>
            As it was
          </Button>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

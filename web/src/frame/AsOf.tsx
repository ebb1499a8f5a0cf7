import { Button, Popover, Stack, TextInput } from '@mantine/core';
import { IconChevronDown, IconHistory } from '@tabler/icons-react';
import { useState } from 'react';
import { useAsOf } from '@/app/asof';
import { useKeys } from '@/app/keys';
import { exact } from '@/lib/format';
import classes from './Frame.module.css';

const presets: [string, number][] = [
  ['Yesterday', 1],
  ['A week ago', 7],
  ['30 days ago', 30],
  ['90 days ago', 90],
];

/** The end of a day in the reader's zone, so that a date includes what happened on it. */
const endOf = (day: string) => {
  const d = new Date(`${day}T23:59:59`);
  return Number.isNaN(d.getTime()) ? undefined : d.toISOString().replace(/\.\d+Z$/, 'Z');
};

const back = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString().replace(/\.\d+Z$/, 'Z');

const localDay = (d = new Date()) => new Date(d.getTime() - d.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);

/** Switches the whole console to a date. */
export function AsOfSwitch() {
  const { asOf, setAsOf } = useAsOf();
  const [opened, setOpened] = useState(false);
  const [day, setDay] = useState('');
  const choose = (value: string | undefined) => {
    setAsOf(value);
    setOpened(false);
  };
  useKeys('The date shown', [{ keys: 't', does: 'Choose the date that is shown', run: () => setOpened(true) }]);
  const wanted = day ? endOf(day) : undefined;
  const wrong = day !== '' && (!wanted || day > localDay()) ? 'Choose today or a day in the past.' : undefined;
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" width={260} trapFocus returnFocus>
      <Popover.Target>
        <Button
          variant="subtle"
          color="gray"
          size="xs"
          leftSection={<IconHistory size={15} aria-hidden="true" />}
          rightSection={<IconChevronDown size={13} aria-hidden="true" />}
          onClick={() => setOpened((o) => !o)}
          aria-haspopup="dialog"
          aria-label={asOf ? 'The date that is shown: a past one' : 'The date that is shown: now'}
          className={classes.asOf}
        >
          <span className={classes.asOfText}>{asOf ? 'as of a past date' : 'as of now'}</span>
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="The date that is shown">
        <Stack gap={4}>
          <Button variant={asOf ? 'subtle' : 'light'} justify="flex-start" onClick={() => choose(undefined)}>
            Now
          </Button>
          {presets.map(([label, days]) => (
            <Button key={label} variant="subtle" color="gray" justify="flex-start" onClick={() => choose(back(days))}>
              {label}
            </Button>
          ))}
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (wanted && !wrong) choose(wanted);
            }}
          >
            <TextInput
              type="date"
              label="The end of a day"
              max={localDay()}
              value={day}
              error={wrong}
              onChange={(event) => setDay(event.currentTarget.value)}
              mt={4}
            />
            <Button type="submit" fullWidth mt={8} disabled={!wanted || Boolean(wrong)}>
              Show that day
            </Button>
          </form>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

/** Says across the top that the console shows the past. */
export function AsOfBand() {
  const { asOf, setAsOf } = useAsOf();
  if (!asOf) return null;
  return (
    <div className={classes.band} data-kind="past" role="status">
      <span className={classes.bandText}>
        Everything below is <strong>as of {exact(asOf)}</strong>. Nothing can be changed here.
      </span>
      <button type="button" className={classes.link} onClick={() => setAsOf(undefined)}>
        Back to now
      </button>
    </div>
  );
}

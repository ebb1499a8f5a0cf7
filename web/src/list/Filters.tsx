import { ActionIcon, Button, Checkbox, Menu, Popover, Stack, TextInput } from '@mantine/core';
import { IconPlus, IconSearch, IconX } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { useGet } from '@/api/query';
import type { Items } from '@/api/types';
import { count, word } from '@/lib/format';
import classes from './List.module.css';
import type { Choice, Filter } from './spec';
import { parameters, type ListState } from './state';
import { chipWords, choicesOf } from './words';

interface Props {
  filters: Filter[];
  state: ListState;
  known: Record<string, Choice[]>;
  /** Counts the values of a column under the filters in force. */
  facets?: { path: string; query: Record<string, string | string[] | undefined> } | undefined;
  change: (changes: Record<string, string | string[] | undefined>) => void;
  clear: () => void;
}

/** The filters in force as chips, and a way to add one. */
export function Filters({ filters, state, known, facets, change, clear }: Props) {
  const [open, setOpen] = useState<string | undefined>();
  const inForce = filters.filter((f) => parameters(f).some((p) => state.filters[p]) || f.id === open);
  const rest = filters.filter((f) => !inForce.includes(f));
  const applied = inForce.filter((f) => f.id !== open || parameters(f).some((p) => state.filters[p]));
  return (
    <div className={classes.chips} role="group" aria-label="Filters">
      {inForce.map((f) => (
        <Chip
          key={f.id}
          filter={f}
          state={state}
          known={known}
          facets={facets}
          opened={open === f.id}
          onOpen={(o) => setOpen(o ? f.id : undefined)}
          change={change}
        />
      ))}
      {rest.length > 0 && (
        <Menu position="bottom-start" width={220} returnFocus={false}>
          <Menu.Target>
            <Button variant="subtle" color="gray" size="compact-sm" leftSection={<IconPlus size={13} aria-hidden="true" />}>
              filter
            </Button>
          </Menu.Target>
          <Menu.Dropdown className={classes.filterMenu}>
            {rest.map((f) => (
              <Menu.Item
                key={f.id}
                onClick={() => (f.kind === 'flag' ? change({ [f.id]: 'true' }) : setOpen(f.id))}
              >
                {f.label}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      )}
      {applied.length + (state.text ? 1 : 0) > 1 && (
        <Button variant="subtle" color="gray" size="compact-sm" onClick={clear}>
          Clear
        </Button>
      )}
    </div>
  );
}

interface ChipProps extends Omit<Props, 'filters' | 'clear'> {
  filter: Filter;
  opened: boolean;
  onOpen: (open: boolean) => void;
}

function Chip({ filter, state, known, facets, change, opened, onOpen }: ChipProps) {
  const words = chipWords(filter, state, known);
  const remove = () => {
    onOpen(false);
    change(Object.fromEntries(parameters(filter).map((p) => [p, undefined])));
  };
  const text = filter.kind === 'flag' && words ? words.value : `${filter.label}: ${words?.value ?? 'choose'}`;
  return (
    <span className={classes.chip}>
      <Popover opened={opened} onChange={onOpen} position="bottom-start" width={260} trapFocus returnFocus>
        <Popover.Target>
          <button
            type="button"
            className={classes.chipText}
            aria-haspopup="dialog"
            aria-expanded={opened}
            onClick={() =>
              filter.kind === 'flag'
                ? change({ [filter.id]: state.filters[filter.id]?.[0] === 'true' ? 'false' : 'true' })
                : onOpen(!opened)
            }
          >
            {text}
          </button>
        </Popover.Target>
        <Popover.Dropdown aria-label={`Filter by ${filter.label.toLowerCase()}`}>
          {opened && (
            <>
              {filter.help && <p className={classes.help}>{filter.help}</p>}
              {filter.kind === 'choice' && <ChoiceForm filter={filter} state={state} known={known} facets={facets} change={change} />}
              {filter.kind === 'time' && <TimeForm filter={filter} state={state} change={change} done={() => onOpen(false)} />}
              {filter.kind === 'text' && <TextForm filter={filter} state={state} change={change} done={() => onOpen(false)} />}
            </>
          )}
        </Popover.Dropdown>
      </Popover>
      <ActionIcon size={24} aria-label={`Remove the filter ${text}`} onClick={remove}>
        <IconX size={12} />
      </ActionIcon>
    </span>
  );
}

function ChoiceForm({ filter, state, known, facets, change }: Omit<ChipProps, 'opened' | 'onOpen'>) {
  const [text, setText] = useState('');
  const chosen = state.filters[filter.id] ?? [];
  const counted = useGet<Items<{ value: string; count: number }>>(
    facets && filter.facet ? facets.path : undefined,
    { ...facets?.query, [filter.id]: undefined, column: filter.facet },
    { retry: false },
  );
  const counts = new Map((counted.data?.items ?? []).map((f) => [f.value || 'none', f.count]));
  const offered = choicesOf(filter, known);
  const found = [...counts.keys()].filter((v) => v !== 'none' && !offered.some((c) => c.value === v)).map((v) => ({ value: v, label: word(v) }));
  const all = [...offered, ...found]
    .filter((c) => !counted.data || counts.has(c.value) || chosen.includes(c.value))
    .sort((a, b) => (counts.get(b.value) ?? 0) - (counts.get(a.value) ?? 0));
  const extra = chosen.filter((v) => !all.some((c) => c.value === v)).map((v) => ({ value: v, label: v }));
  const t = text.trim().toLowerCase();
  const shown = [...extra, ...all].filter((c) => !t || c.label.toLowerCase().includes(t));
  const toggle = (value: string) => {
    if (filter.single) change({ [filter.id]: chosen.includes(value) ? undefined : value });
    else change({ [filter.id]: chosen.includes(value) ? chosen.filter((v) => v !== value) : [...chosen, value] });
  };
  return (
    <Stack gap={8}>
      {(all.length > 8 || filter.free) && (
        <TextInput
          aria-label={`Look for a value of ${filter.label.toLowerCase()}`}
          placeholder={filter.free ? 'Type a value, then Enter' : 'Look for a value'}
          value={text}
          data-autofocus
          onChange={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || !text.trim()) return;
            event.preventDefault();
            const match = shown.find((c) => c.label.toLowerCase() === t) ?? (shown.length === 1 ? shown[0] : undefined);
            if (match) toggle(match.value);
            else if (filter.free) toggle(text.trim());
            else return;
            setText('');
          }}
        />
      )}
      <div className={classes.choices} tabIndex={-1}>
        {shown.map((c) => (
          <Checkbox
            key={c.value}
            label={
              <span className={classes.choice}>
                <span>{c.label}</span>
                {counts.has(c.value) && <span className="muted">{count(counts.get(c.value) ?? 0)}</span>}
              </span>
            }
            classNames={{ body: classes.choiceBody, labelWrapper: classes.choiceLabel }}
            checked={chosen.includes(c.value)} onChange={() => toggle(c.value)}
          />
        ))}
        {shown.length === 0 && !filter.free && <span className="muted">No value has that name.</span>}
      </div>
    </Stack>
  );
}

function TextForm({ filter, state, change, done }: { filter: Filter; state: ListState; change: Props['change']; done: () => void }) {
  const [text, setText] = useState(state.filters[filter.id]?.[0] ?? '');
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        change({ [filter.id]: text.trim() || undefined });
        done();
      }}
    >
      <TextInput label={filter.label} value={text} data-autofocus onChange={(event) => setText(event.currentTarget.value)} />
      <Button type="submit" mt={8}>
        Show
      </Button>
    </form>
  );
}

const instant = (day: string) => (day ? new Date(`${day}T00:00:00`).toISOString().replace('.000Z', 'Z') : undefined);
const localDay = (value: string | undefined) => {
  if (!value) return '';
  const d = new Date(value);
  return new Date(d.getTime() - d.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
};

function TimeForm({ filter, state, change, done }: { filter: Filter; state: ListState; change: Props['change']; done: () => void }) {
  const [from, to] = filter.ends ?? ['', ''];
  const [a, setA] = useState(localDay(state.filters[from]?.[0]));
  const [b, setB] = useState(localDay(state.filters[to]?.[0]));
  const wrong = a && b && a >= b ? 'The end must be after the beginning.' : undefined;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (wrong) return;
        change({ [from]: instant(a), [to]: instant(b) });
        done();
      }}
    >
      <Stack gap={8}>
        <TextInput type="date" label="Since" value={a} data-autofocus onChange={(event) => setA(event.currentTarget.value)} />
        <TextInput type="date" label="Before" value={b} error={wrong} onChange={(event) => setB(event.currentTarget.value)} />
        <Button type="submit" disabled={Boolean(wrong)}>
          Show
        </Button>
      </Stack>
    </form>
  );
}

/** The search box of a list. It waits for a pause in typing. */
export function SearchBox({ value, onChange, label, inputRef }: { value: string; onChange: (text: string) => void; label: string; inputRef: React.RefObject<HTMLInputElement | null> }) {
  const [text, setText] = useState(value);
  const sent = useRef(value);
  useEffect(() => {
    if (value !== sent.current) {
      sent.current = value;
      setText(value);
    }
  }, [value]);
  useEffect(() => {
    if (text === sent.current) return;
    const timer = setTimeout(() => {
      sent.current = text;
      onChange(text.trim());
    }, 250);
    return () => clearTimeout(timer);
  }, [text, onChange]);
  return (
    <TextInput
      ref={inputRef}
      type="search"
      className={classes.search}
      aria-label={label}
      placeholder="Name or key"
      leftSection={<IconSearch size={14} aria-hidden="true" />}
      rightSection={
        text ? (
          <ActionIcon size={24} aria-label="Clear the search" onClick={() => setText('')}>
            <IconX size={12} />
          </ActionIcon>
        ) : (
          <kbd className={classes.slash} aria-hidden="true">
            /
          </kbd>
        )
      }
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === 'Escape') event.currentTarget.blur();
      }}
    />
  );
}

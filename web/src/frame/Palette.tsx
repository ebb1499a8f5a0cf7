import { Modal, useMantineColorScheme } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconArrowRight, IconBolt, IconSearch } from '@tabler/icons-react';
import { useEffect, useId, useMemo, useRef, useState } from 'react';
import { useGet } from '@/api/query';
import { useAsOf } from '@/app/asof';
import { useGo } from '@/app/router';
import { middle, Word, word } from '@/lib/format';
import { commands } from './commands';
import { usePages } from './Navigation';
import classes from './Palette.module.css';

interface Entry {
  id: string;
  group: string;
  label: string;
  hint?: string;
  words?: string;
  run: () => void;
}

/** What the server finds: things with a name that the caller may see, by kind. */
interface Found {
  kind: string;
  items: { id: string; name: string; kind: string; detail: string }[] | null;
}

const addresses: Record<string, (id: string) => string> = {
  identities: (id) => `/identities/${id}`,
  credentials: (id) => `/credentials/${id}`,
  findings: (id) => `/findings/${id}`,
  rules: (id) => `/rules/${id}`,
};

/** Reaches every page, identity, action and setting from the keyboard. */
export function Palette({ opened, close, onKeys }: { opened: boolean; close: () => void; onKeys: () => void }) {
  return (
    <Modal.Root opened={opened} onClose={close} size={620} yOffset="10vh" padding={0}>
      <Modal.Overlay backgroundOpacity={0.3} />
      <Modal.Content aria-label="Find a page, identity or action">
        <Modal.Body>{opened && <Finder close={close} onKeys={onKeys} />}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

function Finder({ close, onKeys }: { close: () => void; onKeys: () => void }) {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const [asked] = useDebouncedValue(text.trim(), 120);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const go = useGo();
  const pages = usePages();
  const { setColorScheme } = useMantineColorScheme();
  const { asOf, setAsOf } = useAsOf();
  const found = useGet<{ items: Found[] | null }>(asked.length >= 2 ? '/search' : undefined, { text: asked, limit: 6 }, { keep: true });

  const own = useMemo<Entry[]>(() => {
    const entries: Entry[] = pages.map((r) => ({
      id: r.path,
      group: 'Pages',
      label: r.nav?.label ?? r.path,
      ...(r.words && { words: r.words }),
      ...(r.key && { hint: `g ${r.key}` }),
      run: () => go(r.path),
    }));
    for (const c of commands) entries.push({ id: c.label, group: c.group, label: c.label, words: c.words, run: () => go(c.to) });
    entries.push(
      { id: 'light', group: 'Actions', label: 'Switch to light', words: 'theme colour', run: () => setColorScheme('light') },
      { id: 'dark', group: 'Actions', label: 'Switch to dark', words: 'theme colour', run: () => setColorScheme('dark') },
      { id: 'keys', group: 'Actions', label: 'Show the keys', words: 'shortcuts help', hint: '?', run: onKeys },
    );
    if (asOf) entries.push({ id: 'now', group: 'Actions', label: 'Go back to now', words: 'as of date', run: () => setAsOf(undefined) });
    return entries;
  }, [pages, go, setColorScheme, onKeys, asOf, setAsOf]);

  const entries = useMemo<Entry[]>(() => {
    const t = text.trim().toLowerCase();
    const mine = own.filter((e) => t === '' || `${e.label} ${e.words ?? ''}`.toLowerCase().includes(t));
    const theirs: Entry[] =
      t.length < 2
        ? []
        : (found.data?.items ?? []).flatMap((g) => {
            const to = addresses[g.kind];
            return to
              ? (g.items ?? []).map((h) => ({
                  id: `${g.kind}/${h.id}`,
                  group: Word(g.kind),
                  label: middle(h.name || h.id, 60),
                  hint: [h.kind && word(h.kind), h.detail].filter(Boolean).join(' · '),
                  run: () => go(to(h.id)),
                }))
              : [];
          });
    return t === '' ? mine.filter((e) => e.group === 'Pages' || e.group === 'Actions') : [...mine.filter((e) => e.group === 'Pages').slice(0, 3), ...theirs, ...mine.filter((e) => e.group !== 'Pages')];
  }, [own, text, found.data, go]);

  useEffect(() => setAt(0), [text]);
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [at, entries]);

  const choose = (entry: Entry | undefined) => {
    if (!entry) return;
    close();
    entry.run();
  };

  let group = '';
  return (
    <div>
      <div className={classes.field}>
        <IconSearch size={17} aria-hidden="true" />
        <input
          data-autofocus
          role="combobox"
          aria-expanded="true"
          aria-controls={id}
          aria-autocomplete="list"
          aria-activedescendant={entries[at] ? `${id}-${at}` : undefined}
          aria-label="Find a page, identity or action"
          placeholder="Find a page, identity or action"
          value={text}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
            if (step !== 0) {
              event.preventDefault();
              setAt((n) => (n + step + entries.length) % Math.max(1, entries.length));
            } else if (event.key === 'Enter') {
              event.preventDefault();
              choose(entries[at]);
            }
          }}
        />
      </div>
      <div className={classes.list} role="listbox" id={id} ref={list} aria-label="What was found">
        {entries.map((e, i) => {
          const head = e.group !== group ? (group = e.group) : undefined;
          return (
            <div key={e.id} role="presentation">
              {head && (
                <div className={classes.group} role="presentation">
                  {head}
                </div>
              )}
              <div
                id={`${id}-${i}`}
                role="option"
                aria-selected={i === at}
                className={classes.entry}
                onMouseMove={() => setAt(i)}
                onClick={() => choose(e)}
              >
                {e.group === 'Actions' ? <IconBolt size={15} aria-hidden="true" /> : <IconArrowRight size={15} aria-hidden="true" />}
                <span className={classes.label}>{e.label}</span>
                {e.hint && <span className={classes.hint}>{e.hint}</span>}
              </div>
            </div>
          );
        })}
      </div>
      <div className={classes.foot} aria-live="polite">
        {entries.length === 0
          ? found.isFetching
            ? 'Looking…'
            : 'Nothing has that name. Try a part of the name, an ARN or an owner.'
          : found.error
            ? 'Only pages and actions: the search does not answer.'
            : '↑ ↓ to choose, Enter to go, Esc to close'}
      </div>
    </div>
  );
}

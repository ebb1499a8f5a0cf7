import { useEffect, useRef } from 'react';

/** What a key does and how the list of keys explains it. */
export interface KeyBinding {
  /** "j", "?", "g i" (one after the other), "mod+k". */
  keys: string;
  does: string;
  run: (event: KeyboardEvent) => void;
  /** Works while typing as well. */
  always?: boolean;
}

interface Group {
  title: string;
  bindings: KeyBinding[];
}

const groups = new Set<{ current: Group }>();

/** The bindings of what is on the screen now, for the list of keys. */
export const boundKeys = (): Group[] => [...groups].map((g) => g.current).filter((g) => g.bindings.length > 0);

let pending = '';
let pendingAt = 0;

function pressed(event: KeyboardEvent): string {
  const mod = event.metaKey || event.ctrlKey;
  const key = event.key === ' ' ? 'space' : event.key;
  return `${mod ? 'mod+' : ''}${event.altKey ? 'alt+' : ''}${key.length === 1 ? key : key.toLowerCase()}`;
}

function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && !/^(checkbox|radio|button)$/.test((target as HTMLInputElement).type);
}

function listen(event: KeyboardEvent) {
  if (event.defaultPrevented || event.isComposing) return;
  const key = pressed(event);
  const busy = typing(event.target) || document.querySelector('[role="dialog"][aria-modal="true"]') !== null;
  const sequence = pending && Date.now() - pendingAt < 1200 ? `${pending} ${key}` : '';
  pending = '';
  // What came last is nearest to the eye: the page before the frame.
  const all = [...groups].reverse().flatMap((g) => g.current.bindings);
  for (const wanted of [sequence, key]) {
    const binding = wanted ? all.find((b) => b.keys === wanted && (b.always || !busy)) : undefined;
    if (!binding) continue;
    event.preventDefault();
    binding.run(event);
    return;
  }
  if (!busy && all.some((b) => b.keys.startsWith(`${key} `))) {
    pending = key;
    pendingAt = Date.now();
  }
}

/** Binds keys while the component is on the screen. */
export function useKeys(title: string, bindings: KeyBinding[]) {
  const group = useRef<Group>({ title, bindings });
  useEffect(() => {
    group.current = { title, bindings };
  });
  useEffect(() => {
    if (groups.size === 0) document.addEventListener('keydown', listen);
    groups.add(group);
    return () => {
      groups.delete(group);
      if (groups.size === 0) document.removeEventListener('keydown', listen);
    };
  }, []);
}

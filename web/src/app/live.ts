import { useEffect } from 'react';
import { base } from '@/api/client';
import { queries } from '@/api/query';

/** What to read again when the server says that something changed. */
const concerned: Record<string, RegExp> = {
  inventory: /^\/(overview|identities\/|credentials\/|population)/,
  findings: /^\/(overview|findings\/|identities\/)/,
  scans: /^\/(sources|scans|overview)/,
  records: /^\/records\/verify/,
};

/** Lists stay as they are under the hand of who works in them; they are read again on the next look. */
const lists = /^\/(identities|credentials|findings|changes|records|facets\/\w+)$/;

/** Listens to what changes on the server while the console is open and visible. */
export function useLive(on: boolean) {
  useEffect(() => {
    if (!on) return;
    let source: EventSource | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const topics = new Set<string>();

    // Changes come in bursts while a scan is being stored.
    const settle = () => {
      timer = undefined;
      const now = [...topics];
      topics.clear();
      const path = (key: readonly unknown[]) => (typeof key[0] === 'string' ? key[0] : '');
      void queries.invalidateQueries({ predicate: (q) => now.some((t) => concerned[t]?.test(path(q.queryKey))) });
      void queries.invalidateQueries({ predicate: (q) => lists.test(path(q.queryKey)), refetchType: 'none' });
    };
    const hear = (event: MessageEvent) => {
      topics.add(event.type);
      timer ??= setTimeout(settle, 1500);
    };
    const open = () => {
      source = new EventSource(`${base}/events`);
      for (const topic of Object.keys(concerned)) source.addEventListener(topic, hear);
    };
    const close = () => {
      source?.close();
      source = undefined;
    };
    const look = () => (document.hidden ? close() : source ?? open());

    look();
    document.addEventListener('visibilitychange', look);
    return () => {
      document.removeEventListener('visibilitychange', look);
      clearTimeout(timer);
      close();
    };
  }, [on]);
}

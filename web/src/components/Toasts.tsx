import { Button, CloseButton } from '@mantine/core';
import { createContext, use, useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { Problem } from '@/api/problem';
import { Sign } from './Sign';
import classes from './Toasts.module.css';

interface Toast {
  id: number;
  text: ReactNode;
  bad?: boolean;
  /** Takes back what was done; offered while the toast stands. */
  undo?: () => Promise<unknown>;
  seconds: number;
}

interface Toasts {
  say: (text: ReactNode, options?: { undo?: () => Promise<unknown>; seconds?: number }) => void;
  fail: (what: string, error: unknown) => void;
}

const Context = createContext<Toasts | undefined>(undefined);

/** Messages about what was done. They stand ten seconds, as long as a change can be taken back. */
export function useToasts(): Toasts {
  const toasts = use(Context);
  if (!toasts) throw new Error('useToasts: no ToastProvider above');
  return toasts;
}

export function ToastProvider({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<Toast[]>([]);
  const next = useRef(1);
  const close = useCallback((id: number) => setShown((all) => all.filter((t) => t.id !== id)), []);
  const toasts = useMemo<Toasts>(
    () => ({
      say: (text, options) => {
        const toast: Toast = { id: next.current++, text, seconds: options?.seconds ?? 10 };
        if (options?.undo) toast.undo = options.undo;
        setShown((all) => [...all.slice(-2), toast]);
      },
      fail: (what, error) => {
        const p = Problem.of(error);
        const text = (
          <>
            {what} did not work: {p.text} Nothing was changed. {p.hint}
            {p.id && (
              <>
                {' '}
                Id <code className="mono">{p.id}</code>.
              </>
            )}
          </>
        );
        setShown((all) => [...all.slice(-2), { id: next.current++, text, bad: true, seconds: 30 }]);
      },
    }),
    [],
  );
  return (
    <Context value={toasts}>
      {children}
      <div className={classes.stack} role="region" aria-label="Messages" aria-live="polite">
        {shown.map((t) => (
          <One key={t.id} toast={t} close={close} toasts={toasts} />
        ))}
      </div>
    </Context>
  );
}

function One({ toast, close, toasts }: { toast: Toast; close: (id: number) => void; toasts: Toasts }) {
  const [held, setHeld] = useState(false);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (held || busy) return;
    const timer = setTimeout(() => close(toast.id), toast.seconds * 1000);
    return () => clearTimeout(timer);
  }, [toast, close, held, busy]);

  async function undo() {
    if (!toast.undo) return;
    setBusy(true);
    try {
      await toast.undo();
      close(toast.id);
      toasts.say('Taken back.', { seconds: 4 });
    } catch (error) {
      close(toast.id);
      toasts.fail('Taking it back', error);
    }
  }

  return (
    <div
      className={classes.toast}
      role={toast.bad ? 'alert' : undefined}
      onMouseEnter={() => setHeld(true)}
      onMouseLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <span className={toast.bad ? classes.bad : classes.good}>
        <Sign name={toast.bad ? 'cross' : 'check'} />
      </span>
      <div className={classes.text}>{toast.text}</div>
      {toast.undo && (
        <Button size="compact-sm" variant="default" loading={busy} onClick={() => void undo()}>
          Undo
        </Button>
      )}
      <CloseButton size="sm" aria-label="Close this message" onClick={() => close(toast.id)} />
    </div>
  );
}

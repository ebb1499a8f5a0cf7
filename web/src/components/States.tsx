import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { Problem } from '@/api/problem';
import { CopyButton } from './CopyButton';
import { Sign } from './Sign';
import classes from './States.module.css';

/** An empty place: why it is empty and what to do next. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className={classes.state}>
      <p className={classes.title}>{title}</p>
      {children && <div className={classes.text}>{children}</div>}
      {action && <div className={classes.actions}>{action}</div>}
    </div>
  );
}

/** What went wrong: what happened, whether anything was changed, what to try, and the id that is in the log. */
export function Failed({ error, retry, what }: { error: unknown; retry?: () => void; what: string }) {
  const p = Problem.of(error);
  return (
    <div className={classes.state} role="alert">
      <p className={classes.title}>
        <span className={classes.bad}>
          <Sign name="cross" />
        </span>
        {p.status === 404 ? `${what} could not be found` : `${what} could not be loaded`}
      </p>
      <div className={classes.text}>
        <p>{p.text}</p>
        <p className="muted">Nothing was changed. {p.hint}</p>
      </div>
      <div className={classes.actions}>
        {retry && (
          <Button variant="default" onClick={retry}>
            Try again
          </Button>
        )}
        {p.id && (
          <span className={classes.id}>
            id in the log <code className="mono">{p.id}</code>
            <CopyButton value={p.id} what="id" />
          </span>
        )}
      </div>
    </div>
  );
}

/** A line across a page or list: what is missing, and since when. */
export function Notice({
  tone = 'medium',
  children,
  action,
}: {
  tone?: 'medium' | 'low' | 'critical' | 'unknown';
  children: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className={classes.notice} data-tone={tone} role="status">
      <Sign name={tone === 'critical' ? 'octagon' : tone === 'unknown' ? 'hatched' : tone === 'low' ? 'circle' : 'half'} />
      <div className={classes.noticeText}>{children}</div>
      {action}
    </div>
  );
}

import { Button } from '@mantine/core';
import { request } from '@/api/client';
import { queries } from '@/api/query';
import { Time } from '@/components/Time';
import { useToasts } from '@/components/Toasts';
import { State } from '@/components/Words';
import { count } from '@/lib/format';
import type { Scan, ScopeProgress } from './data';
import classes from './sources.module.css';

/** Reads again everything that a scan changes. */
export const againSources = () => queries.invalidateQueries({ predicate: (q) => /^\/(sources|scans)/.test(String(q.queryKey[0])) });

/** A scan that runs or waits: how far each part is, and the way to cancel it. It goes on when the page is left. */
export function Running({ scan, may }: { scan: Scan; may: boolean }) {
  const toasts = useToasts();
  const progress = scan.progress ?? [];
  const done = progress.filter((p) => p.state).length;
  async function cancel() {
    try {
      await request('POST', `/scans/${scan.id}/cancel`, { idempotent: true });
      await againSources();
      toasts.say('The scan is being cancelled. What it has completed stays.');
    } catch (error) {
      toasts.fail('Cancelling the scan', error);
    }
  }
  return (
    <div className={classes.running} role="status" aria-label={`Scan of ${scan.source}`}>
      <div className={classes.runningHead}>
        <strong>{scan.state === 'waiting' ? 'A scan waits to begin' : 'A scan is running'}</strong>
        <span className="muted" style={{ flex: 1 }}>
          asked for by {scan.by || scan.reason}
          {scan.startedAt && (
            <>
              , begun <Time at={scan.startedAt} />
            </>
          )}
          {progress.length > 0 && `; ${count(done)} of ${count(progress.length)} parts done`}
        </span>
        {may && (
          <Button size="compact-xs" variant="default" onClick={() => void cancel()} disabled={scan.cancelling ?? false}>
            {scan.cancelling ? 'Cancelling…' : `Cancel the scan of ${scan.source}`}
          </Button>
        )}
      </div>
      {progress.length > 0 && (
        <ul className={classes.progress}>
          {[...progress]
            .sort((a, b) => Number(Boolean(a.state)) - Number(Boolean(b.state)))
            .slice(0, 12)
            .map((p) => (
              <Part key={p.scope} of={p} />
            ))}
          {progress.length > 12 && <li className="muted">and {count(progress.length - 12)} more parts</li>}
        </ul>
      )}
    </div>
  );
}

function Part({ of: p }: { of: ScopeProgress }) {
  const whole = p.total ?? 0;
  const at = p.done ?? 0;
  return (
    <li>
      <span>
        <span className="mono">{p.scope}</span> <span className="muted">{p.stage}</span>
      </span>
      {p.state ? (
        <State value={p.state} />
      ) : whole > 0 ? (
        <span
          className={classes.meter}
          role="progressbar"
          aria-label={p.scope}
          aria-valuemin={0}
          aria-valuemax={whole}
          aria-valuenow={Math.min(at, whole)}
        >
          <span style={{ width: `${Math.min(100, (at / whole) * 100)}%` }} />
        </span>
      ) : (
        <span />
      )}
      <span className="muted">{at > 0 && `${count(at)}${whole > 0 ? ` of ${count(whole)}` : ''} ${p.unit ?? ''}`}</span>
    </li>
  );
}

import { onlineManager } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { queries } from '@/api/query';
import classes from './Frame.module.css';

const subscribe = (changed: () => void) => onlineManager.subscribe(changed);

/** Says that the network is away. What is on the screen stays, and is read again when it is back. */
export function Connection() {
  const online = useSyncExternalStore(subscribe, () => onlineManager.isOnline());
  if (online) return null;
  return (
    <div className={classes.band} data-kind="offline" role="status">
      <span className={classes.bandText}>
        No connection. What you see was read before it was lost, and is read again as soon as it is back.
      </span>
      <button type="button" className={classes.link} onClick={() => void queries.refetchQueries({ type: 'active' })}>
        Try now
      </button>
    </div>
  );
}

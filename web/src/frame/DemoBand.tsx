import { use } from 'react';
import { MeContext } from '@/app/me';
import classes from './Frame.module.css';

/** Says that the estate shown is the made-up sample company. */
export function DemoBand() {
  const me = use(MeContext);
  if (!me?.demo) return null;
  return (
    <aside className={classes.band} data-kind="demo" aria-label="Sample company">
      <span className={classes.bandText}>
        This is the <strong>sample company</strong>: made-up identities in a database of their own. None of them is yours.
        {me.demoStep && (
          <>
            {' '}
            Logs of it are still being read, and what use they show is not all there yet: {me.demoStep}.
          </>
        )}
      </span>
    </aside>
  );
}

import { CopyButton } from '@/components/CopyButton';
import classes from './overview.module.css';

/** Offers the sample company where there is little to see. */
export function SampleHint({ command }: { command: string }) {
  return (
    <p className={classes.sample} data-sample>
      Little to see yet? A sample company lives in a database of its own, and never in these counts:{' '}
      <code className="mono">{command}</code> <CopyButton value={command} what="the command" />
    </p>
  );
}

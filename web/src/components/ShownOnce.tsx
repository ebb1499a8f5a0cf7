import { Button } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import type { ReactNode } from 'react';
import classes from './ShownOnce.module.css';

interface ShownOnceProps {
  /** What it is: "token". */
  what: string;
  value: string;
  children?: ReactNode;
  /** Called once the person says that they have kept it. */
  onDone?: () => void;
}

/** A secret that the server gives out once. It stands here until the person says that they have it. */
export function ShownOnce({ what, value, children, onDone }: ShownOnceProps) {
  const clipboard = useClipboard({ timeout: 4000 });
  return (
    <div className={classes.box}>
      <p>
        <strong>Copy this {what} now.</strong> It is kept hashed and cannot be shown again.
      </p>
      <pre className={classes.value} tabIndex={0} aria-label={what}>
        {value}
      </pre>
      {children}
      <div className={classes.buttons}>
        <Button onClick={() => clipboard.copy(value)}>{clipboard.copied ? 'Copied' : `Copy ${what}`}</Button>
        {onDone && (
          <Button variant="default" onClick={onDone}>
            I have kept it
          </Button>
        )}
      </div>
    </div>
  );
}

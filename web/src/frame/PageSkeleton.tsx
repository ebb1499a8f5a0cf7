import { Skeleton } from '@mantine/core';
import { Rows } from '@/components/Skeletons';
import classes from './Frame.module.css';

/** The layout of a page before it is known which one it is. */
export function PageSkeleton() {
  return (
    <div className={classes.pending} aria-busy="true" aria-label="Loading">
      <Skeleton height={22} width={180} mb={24} />
      <Rows count={12} />
    </div>
  );
}

import { Link } from '@/app/router';
import { useCan } from '@/app/me';
import classes from '@/pages/owners/owners.module.css';

/** The pages about reading systems. */
export function SourceTabs({ at }: { at: string }) {
  const can = useCan();
  const tabs = [
    ['/sources', 'Sources'],
    ['/sources/scans', 'Scans'],
    ['/sources/logs', 'Logs'],
    ...(can('sources.manage') ? [['/sources/collectors', 'Collectors']] : []),
  ] as [string, string][];
  return (
    <nav className={classes.tabs} aria-label="Sources">
      {tabs.map(([to, label]) => (
        <Link key={to} to={to} aria-current={to === at ? 'page' : undefined}>
          {label}
        </Link>
      ))}
    </nav>
  );
}

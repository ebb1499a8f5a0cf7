import { Link } from '@/app/router';
import classes from './owners.module.css';

const tabs = [
  ['/owners', 'Owners'],
  ['/owners/queue', 'Without an owner'],
  ['/owners/rules', 'Ownership rules'],
] as const;

/** The three pages about owners. */
export function OwnerTabs({ at }: { at: (typeof tabs)[number][0] }) {
  return (
    <nav className={classes.tabs} aria-label="Owners">
      {tabs.map(([to, label]) => (
        <Link key={to} to={to} aria-current={to === at ? 'page' : undefined}>
          {label}
        </Link>
      ))}
    </nav>
  );
}

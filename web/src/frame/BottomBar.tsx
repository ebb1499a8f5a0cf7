import { Drawer } from '@mantine/core';
import { IconDots } from '@tabler/icons-react';
import { use, useState } from 'react';
import { useLocation } from 'wouter';
import { MeContext } from '@/app/me';
import { Link } from '@/app/router';
import classes from './Frame.module.css';
import { isCurrent, usePages } from './Navigation';

/** The navigation of narrow screens: four pages, and the others behind "More". */
export function BottomBar() {
  const [here] = useLocation();
  const [more, setMore] = useState(false);
  const known = use(MeContext) !== undefined;
  const pages = usePages();
  const bar = pages.filter((r) => r.nav?.bar).slice(0, 4);
  const rest = pages.filter((r) => !bar.includes(r));
  return (
    <nav className={classes.bar} aria-label="Pages">
      {known && bar.map((r) => {
        const Icon = r.nav?.icon;
        return (
          <Link key={r.path} to={r.path} className={classes.barItem} aria-current={isCurrent(r.path, here) ? 'page' : undefined}>
            {Icon && <Icon size={20} stroke={1.6} aria-hidden="true" />}
            {r.nav?.label}
          </Link>
        );
      })}
      {known && rest.length > 0 && (
        <button
          type="button"
          className={classes.barItem}
          aria-expanded={more}
          aria-current={rest.some((r) => isCurrent(r.path, here)) ? 'page' : undefined}
          onClick={() => setMore(true)}
        >
          <IconDots size={20} stroke={1.6} aria-hidden="true" />
          More
        </button>
      )}
      <Drawer opened={more} onClose={() => setMore(false)} position="bottom" size="auto" title="Pages" closeButtonProps={{ 'aria-label': 'Close' }}>
        <ul className={classes.nav}>
          {rest.map((r) => {
            const Icon = r.nav?.icon;
            return (
              <li key={r.path}>
                <Link
                  to={r.path}
                  className={classes.item}
                  style={{ height: 44 }}
                  aria-current={isCurrent(r.path, here) ? 'page' : undefined}
                  onClick={() => setMore(false)}
                >
                  {Icon && <Icon size={18} stroke={1.6} aria-hidden="true" />}
                  {r.nav?.label}
                </Link>
              </li>
            );
          })}
        </ul>
      </Drawer>
    </nav>
  );
}

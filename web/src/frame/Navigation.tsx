import { Tooltip } from '@mantine/core';
import { use } from 'react';
import { useLocation } from 'wouter';
import { MeContext, useCan } from '@/app/me';
import { Link } from '@/app/router';
import { routes } from '@/app/routes';
import { short } from '@/lib/format';
import classes from './Frame.module.css';
import { useBadges } from './badges';

/** The pages that the caller may see. */
export function usePages() {
  const can = useCan();
  return routes.filter((r) => r.nav && (!r.permission || can(r.permission)));
}

export const isCurrent = (path: string, here: string) => (path === '/' ? here === '/' : here === path || here.startsWith(`${path}/`));

/** The pages down the side, each with the figure of what needs somebody there. */
export function Navigation({ collapsed }: { collapsed: boolean }) {
  const [here] = useLocation();
  const badges = useBadges();
  const pages = usePages();
  // Which ones there are is known once it is known who looks: nothing is drawn that would move then.
  if (!use(MeContext)) return null;
  return (
    <ul className={classes.nav}>
      {pages.map((r) => {
        const { label = '', icon: Icon, badge } = r.nav ?? {};
        const b = badge ? badges[badge] : undefined;
        const item = (
          <Link
            to={r.path}
            className={classes.item}
            aria-current={isCurrent(r.path, here) ? 'page' : undefined}
            {...(collapsed && { 'aria-label': label })}
          >
            {Icon && <Icon size={17} stroke={1.6} aria-hidden="true" />}
            {!collapsed && <span className={classes.label}>{label}</span>}
            {!collapsed && b && (
              <span className={classes.badge} data-wants={b.wants || undefined} title={b.title}>
                {b.text ?? short(b.count)}
              </span>
            )}
          </Link>
        );
        return (
          <li key={r.path}>
            {collapsed ? (
              <Tooltip label={label} position="right" events={{ hover: true, focus: true, touch: false }}>
                {item}
              </Tooltip>
            ) : (
              item
            )}
          </li>
        );
      })}
    </ul>
  );
}

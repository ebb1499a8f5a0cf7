import { ActionIcon, Tooltip } from '@mantine/core';
import { useLocalStorage, useMediaQuery } from '@mantine/hooks';
import { IconLayoutSidebarLeftCollapse, IconLayoutSidebarLeftExpand, IconSearch } from '@tabler/icons-react';
import { use, useEffect, useRef, useState, type ReactNode } from 'react';
import { useLocation } from 'wouter';
import { useKeys } from '@/app/keys';
import { useLive } from '@/app/live';
import { MeContext } from '@/app/me';
import { useGo } from '@/app/router';
import { routes } from '@/app/routes';
import { AccountMenu } from './AccountMenu';
import { AsOfBand, AsOfSwitch } from './AsOf';
import { BottomBar } from './BottomBar';
import { Connection } from './Connection';
import { DemoBand } from './DemoBand';
import classes from './Frame.module.css';
import { KeyList } from './KeyList';
import { modKey } from './modkey';
import { Navigation } from './Navigation';
import { Palette } from './Palette';


/** What stands around every page: navigation, the date that is shown, search and keys. */
export function Frame({ children }: { children: ReactNode }) {
  const [collapsed, setCollapsed] = useLocalStorage({ key: 'retinue-nav-collapsed', defaultValue: false });
  const narrow = useMediaQuery('(max-width: 760px)') ?? false;
  const [palette, setPalette] = useState(false);
  const [keyList, setKeyList] = useState(false);
  const go = useGo();
  const known = use(MeContext) !== undefined;
  useLive(known);
  const main = useRef<HTMLElement>(null);
  const [path] = useLocation();

  // A new page begins at its top, and people who hear it are told its title.
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    window.scrollTo(0, 0);
    main.current?.querySelector<HTMLElement>('[data-page-title]')?.focus({ preventScroll: true });
  }, [path]);

  useKeys('Everywhere', [
    { keys: 'mod+k', does: 'Go to any page, identity or action', run: () => setPalette(true), always: true },
    { keys: '?', does: 'Show the keys', run: () => setKeyList(true) },
    { keys: '[', does: 'Fold the navigation', run: () => setCollapsed((c) => !c) },
    ...routes
      .filter((r) => r.key)
      .map((r) => ({ keys: `g ${r.key}`, does: `Go to ${r.nav?.label ?? r.path}`, run: () => go(r.path) })),
  ]);

  return (
    <div className={classes.frame} data-collapsed={collapsed || undefined} data-narrow={narrow || undefined}>
      <a className={classes.skip} href="#main">
        Skip to the content
      </a>
      {!narrow && (
        <nav className={classes.side} aria-label="Pages">
          <div className={classes.brand}>
            <Logo />
            {!collapsed && <span>Retinue</span>}
          </div>
          <Navigation collapsed={collapsed} />
          <div className={classes.sideFoot}>
            <AccountMenu collapsed={collapsed} onKeys={() => setKeyList(true)} />
            <Tooltip label={collapsed ? 'Unfold the navigation' : 'Fold the navigation'} position="right">
              <ActionIcon
                aria-label={collapsed ? 'Unfold the navigation' : 'Fold the navigation'}
                onClick={() => setCollapsed((c) => !c)}
              >
                {collapsed ? <IconLayoutSidebarLeftExpand size={16} /> : <IconLayoutSidebarLeftCollapse size={16} />}
              </ActionIcon>
            </Tooltip>
          </div>
        </nav>
      )}
      <div className={classes.content}>
        <header className={classes.top} role="banner">
          {narrow && (
            <span className={classes.brandNarrow}>
              <Logo />
              Retinue
            </span>
          )}
          <button type="button" className={classes.find} onClick={() => setPalette(true)}>
            <IconSearch size={15} aria-hidden="true" />
            <span className={classes.findText}>Find an identity, page or action</span>
            <kbd>{modKey}K</kbd>
          </button>
          <span className={classes.grow} />
          <AsOfSwitch />
          {narrow && <AccountMenu collapsed onKeys={() => setKeyList(true)} />}
        </header>
        <AsOfBand />
        <DemoBand />
        <Connection />
        <main id="main" ref={main} tabIndex={-1} className={classes.main} data-waiting={!known || undefined}>
          {children}
        </main>
      </div>
      {narrow && <BottomBar />}
      <Palette opened={palette} close={() => setPalette(false)} onKeys={() => setKeyList(true)} />
      <KeyList opened={keyList} close={() => setKeyList(false)} />
    </div>
  );
}

function Logo() {
  return (
    <svg width="20" height="20" viewBox="0 0 32 32" aria-hidden="true" className={classes.logo}>
      <g fill="none" stroke="currentColor" strokeWidth="3" strokeLinecap="round">
        <circle cx="16" cy="16" r="4" fill="currentColor" stroke="none" />
        <path d="M16 2.5v5M16 24.5v5M2.5 16h5M24.5 16h5" />
        <circle cx="16" cy="16" r="11" strokeDasharray="11 6.28" strokeDashoffset="-3.14" />
      </g>
    </svg>
  );
}

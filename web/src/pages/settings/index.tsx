import { Select } from '@mantine/core';
import { Suspense } from 'react';
import { useParams } from 'wouter';
import { useCan } from '@/app/me';
import { Link, useGo } from '@/app/router';
import { Page } from '@/components/Page';
import { Block } from '@/components/Skeletons';
import { Empty } from '@/components/States';
import { parts } from './parts';
import classes from './settings.module.css';

/** The settings: each part at an address of its own. */
export default function SettingsPage() {
  const { part } = useParams<{ part?: string }>();
  const can = useCan();
  const go = useGo();
  const mine = parts.filter((p) => !p.permission || can(p.permission));
  const at = mine.find((p) => p.id === (part ?? 'you'));
  return (
    <Page title={at ? at.label : 'Settings'} tab={at ? `${at.label}, settings` : 'Settings'} lead={at?.lead}>
      <div className={classes.frame}>
        <nav className={classes.nav} aria-label="Settings">
          <ul>
            {mine.map((p) => (
              <li key={p.id}>
                <Link to={`/settings/${p.id}`} aria-current={p === at ? 'page' : undefined}>
                  {p.label}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <Select
          className={classes.choice}
          aria-label="Part of the settings"
          data={mine.map((p) => ({ value: p.id, label: p.label }))}
          value={at?.id ?? null}
          onChange={(id) => id && go(`/settings/${id}`)}
          allowDeselect={false}
        />
        <div className={classes.part}>
          {at ? (
            <Suspense fallback={<Block height={320} />}>
              <at.page />
            </Suspense>
          ) : (
            <Empty title="There are no such settings, or you may not see them.">
              <p>
                Go to <Link to="/settings/you">your account</Link>.
              </p>
            </Empty>
          )}
        </div>
      </div>
    </Page>
  );
}

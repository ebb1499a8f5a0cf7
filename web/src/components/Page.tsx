import { useDocumentTitle } from '@mantine/hooks';
import type { ReactNode } from 'react';
import classes from './Page.module.css';

interface PageProps {
  /** What the page is about; with a filter, the filter in words. */
  title: string;
  /** What stands in the browser's tab, where that differs. */
  tab?: string;
  head?: ReactNode;
  /** One line under the title. */
  lead?: ReactNode;
  actions?: ReactNode;
  /** Reading width, for forms and settings. */
  narrow?: boolean;
  children: ReactNode;
}

/** The frame of every page: its title, one line about it and its actions. */
export function Page({ title, tab, head, lead, actions, narrow, children }: PageProps) {
  useDocumentTitle(`${tab ?? title} – Retinue`);
  return (
    <div className={classes.page} data-narrow={narrow || undefined}>
      <header className={classes.head}>
        <div className={classes.titles}>
          {head ?? (
            <h1 className={classes.title} tabIndex={-1} data-page-title>
              {title}
            </h1>
          )}
          {lead && <p className={classes.lead}>{lead}</p>}
        </div>
        {actions && <div className={classes.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}

/** A part of a page with its own heading. */
export function Section({
  title,
  aside,
  children,
  id,
}: {
  title: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
  id?: string;
}) {
  return (
    <section className={classes.section} aria-labelledby={id}>
      <div className={classes.sectionHead}>
        <h2 id={id}>{title}</h2>
        {aside && <div className={classes.aside}>{aside}</div>}
      </div>
      {children}
    </section>
  );
}

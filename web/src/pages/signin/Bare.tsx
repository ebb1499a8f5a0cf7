import { useDocumentTitle } from '@mantine/hooks';
import type { ReactNode } from 'react';
import classes from './Bare.module.css';

interface BareProps {
  title: string;
  lead?: ReactNode;
  wide?: boolean;
  children: ReactNode;
}

/** The frame of pages that are shown to people who are not signed in yet. */
export function Bare({ title, lead, wide, children }: BareProps) {
  useDocumentTitle(`${title} – Retinue`);
  return (
    <main className={classes.page}>
      <div className={classes.box} data-wide={wide || undefined}>
        <p className={classes.brand}>
          <img src="/icon.svg" alt="" width={22} height={22} />
          Retinue
        </p>
        <h1 className={classes.title}>{title}</h1>
        {lead && <p className={classes.lead}>{lead}</p>}
        {children}
      </div>
    </main>
  );
}

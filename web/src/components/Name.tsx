import { Tooltip } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from '@/app/router';
import { middle, word } from '@/lib/format';
import { CopyButton } from './CopyButton';
import classes from './Name.module.css';

interface NameProps {
  name?: string;
  /** The full key, shown on hover and copied. */
  fullKey?: string;
  kind?: string;
  source?: string;
  to?: string;
}

/** A thing by its name, then kind and source in small grey; the full key on hover. */
export function Name({ name, fullKey, kind, source, to }: NameProps) {
  const text = name || fullKey || 'without a name';
  const shown = middle(text, 56);
  const label = fullKey && fullKey !== shown ? fullKey : undefined;
  const link = to ? (
    <Link to={to} className={classes.link}>
      {shown}
    </Link>
  ) : (
    <span>{shown}</span>
  );
  return (
    <span className={classes.name}>
      {label ? <Tooltip label={<span className="mono">{label}</span>}>{link}</Tooltip> : link}
      {(kind || source) && (
        <span className={classes.small}>{[kind && word(kind), source].filter(Boolean).join(' · ')}</span>
      )}
    </span>
  );
}

/** An identifier in monospace, cut in the middle, with a way to copy it. */
export function Key({ value, most = 64 }: { value: string; most?: number }) {
  return (
    <span className={classes.key}>
      <code className="mono" title={value}>
        {middle(value, most)}
      </code>
      <CopyButton value={value} what="key" />
    </span>
  );
}

/** Labels above each other with their values: the particulars of a thing. */
export function Particulars({ rows }: { rows: [ReactNode, ReactNode][] }) {
  return (
    <dl className={classes.particulars}>
      {rows.map(([label, value], i) => (
        <div key={i}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

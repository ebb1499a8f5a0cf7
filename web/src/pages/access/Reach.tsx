import type { BlastRadius } from '@/api/types';
import { Simple } from '@/components/Simple';
import { Empty } from '@/components/States';
import { word } from '@/components/Words';
import { count } from '@/lib/format';
import classes from './access.module.css';
import { Surely } from './Hops';
import { Thing } from './words';

/** How far a thing reaches, or who reaches it: figures first, then the gravest. */
export function Reach({ of: d, most = 100 }: { of: BlastRadius; most?: number }) {
  const things = (d.things ?? []).slice(0, most);
  if (d.total === 0) return <Empty title={d.inverse ? 'Nobody else comes to it.' : 'It comes to nothing else.'}>As far as was read.</Empty>;
  const figures: [string, number][] = [
    ['things', d.total],
    ['for certain', d.certain],
    ['administrators', d.administrators],
    ...Object.entries(d.environments ?? {}).map(([k, n]) => [`in ${k}`, n] as [string, number]),
    ...Object.entries(d.dataClasses ?? {}).map(([k, n]) => [`${k} data`, n] as [string, number]),
  ];
  return (
    <>
      <dl className={classes.counts}>
        {figures.map(([label, n]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{count(n)}</dd>
          </div>
        ))}
      </dl>
      <p className="muted">
        {Object.entries(d.kinds ?? {})
          .sort(([, a], [, b]) => b - a)
          .map(([k, n]) => `${count(n)} ${word(k).toLowerCase()}`)
          .join(', ')}
        {d.hidden && ', and others that you may not see'}.
      </p>
      <Simple
        label={d.inverse ? 'Who comes to it' : 'What it comes to'}
        columns={[
          { name: 'thing', head: d.inverse ? 'Who' : 'What', cell: (t) => <Thing of={t} /> },
          { name: 'how', head: 'How', wide: true, cell: (t) => <span className="muted">{t.how}</span> },
          { name: 'sure', head: 'Sure', cell: (t) => <Surely possible={t.possible} /> },
          { name: 'hops', head: 'Steps', right: true, cell: (t) => count(t.hops) },
        ]}
        rows={things}
        id={(t) => `${t.realm ?? ''} ${t.kind} ${t.key}`}
      />
      {d.total > things.length && <p className="muted">The gravest {count(things.length)} of {count(d.total)} are shown.</p>}
    </>
  );
}

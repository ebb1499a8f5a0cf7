import { Tooltip } from '@mantine/core';
import { Link } from '@/app/router';
import { Spark, ShareBar } from '@/components/Spark';
import { Sign } from '@/components/Sign';
import { evidence } from '@/components/Words';
import { count, share, short } from '@/lib/format';
import { listOf, type Metric } from './data';
import classes from './overview.module.css';

/** How a figure went over the days that were counted. */
function change(m: Metric): { words: string; better?: boolean } | undefined {
  const known = (m.trend ?? []).filter((p) => p.value !== undefined && p.value !== null);
  const first = known[0];
  const last = known.at(-1);
  if (!first || !last || first === last) return undefined;
  const by = (last.value ?? 0) - (first.value ?? 0);
  const days = Math.round((Date.parse(last.day) - Date.parse(first.day)) / 86_400_000);
  if (days === 0) return undefined;
  if (by === 0) return { words: `unchanged in ${days} days` };
  return { words: `${by > 0 ? '+' : '−'}${count(Math.abs(by))} in ${days} days`, better: by > 0 === (m.highIsGood ?? false) };
}

/** The trend of a figure. */
function Trend({ metric: m }: { metric: Metric }) {
  const days = m.trend ?? [];
  if (days.length < 2) return null;
  return (
    <Spark
      label={m.title}
      points={days.map((p) => ({
        at: p.day,
        of: p.of,
        unknown: p.unknown,
        ...(p.missed && { missed: true }),
        ...(p.value !== undefined && p.value !== null && { value: p.value }),
      }))}
    />
  );
}

/** The headline figures as small multiples. */
export function Metrics({ metrics }: { metrics: Metric[] }) {
  return (
    <ul className={classes.metrics} aria-label="Headline figures">
      {metrics.map((m) => (
        <One key={m.key} metric={m} />
      ))}
    </ul>
  );
}

function One({ metric: m }: { metric: Metric }) {
  const to = listOf(m.list, m.filter);
  const went = change(m);
  const measured = m.value !== undefined && m.value !== null;
  const figure = measured ? short(m.value ?? 0) : 'unknown';
  return (
    <li className={classes.metric}>
      <Tooltip label={m.meaning}>
        <h2 tabIndex={0}>{m.title}</h2>
      </Tooltip>
      <p className={classes.figureLine}>
        {to && measured ? (
          <Link to={to} className={classes.figure} aria-label={`${m.title}: ${count(m.value ?? 0)}`}>
            {figure}
          </Link>
        ) : (
          <span className={classes.figure} data-unknown={!measured || undefined}>
            {figure}
          </span>
        )}
        {measured && m.of > 0 && (
          <span className="muted">
            {share(m.value ?? 0, m.of)} of {short(m.of)}
          </span>
        )}
      </p>
      <div className={classes.bar}>
        <ShareBar
          value={m.value ?? 0}
          of={m.of}
          unknown={m.unknown}
          label={`${count(m.value ?? 0)} of ${count(m.of)}${m.unknown > 0 ? `, ${count(m.unknown)} not measured` : ''}`}
        />
      </div>
      <div className={classes.spark}>
        <Trend metric={m} />
      </div>
      <p className={classes.foot}>
        {went && m.unknown > 0 && <span>{went.words}. </span>}
        {m.unknown > 0 && m.reason ? (
          <span className={classes.unknown}>
            <Sign name="hatched" /> {count(m.unknown)} unknown: {m.reason}
          </span>
        ) : went ? (
          <span>{went.words}</span>
        ) : (
          <span>{(m.trend ?? []).length === 0 ? '' : 'counted since today'}</span>
        )}
      </p>
    </li>
  );
}

/** What nothing measures yet: said as such, never drawn as zero. */
export function Unmeasured({ metrics }: { metrics: Metric[] }) {
  return (
    <ul className={classes.unmeasured}>
      {metrics.map((m) => {
        const measured = m.value !== undefined && m.value !== null;
        const to = listOf(m.list, m.filter);
        const went = change(m);
        return (
          <li key={m.key}>
            <div className={classes.unmeasuredHead}>
              <h3>{m.title}</h3>
              {m.of === 0 && measured ? (
                <span className="muted">none here</span>
              ) : measured ? (
                <span>
                  {to ? <Link to={to}>{count(m.value ?? 0)}</Link> : count(m.value ?? 0)} of {count(m.of)}
                  {(m.byEvidence ?? []).length === 0 && <span className="muted"> · evidence {evidence(m.evidence)}</span>}
                </span>
              ) : (
                <span className={classes.unknown}>
                  <Sign name="hatched" /> unknown
                </span>
              )}
            </div>
            <ShareBar
              value={m.value ?? 0}
              of={Math.max(1, m.of)}
              unknown={measured ? m.unknown : Math.max(1, m.of)}
              label={`${count(m.value ?? 0)} of ${count(m.of)}, ${count(m.unknown)} not measured`}
            />
            <div className={classes.spark}>
              <Trend metric={m} />
            </div>
            {measured && (m.byEvidence ?? []).length > 0 && (
              <p>
                Evidence{' '}
                {(m.byEvidence ?? []).map((g) => `${evidence(g.grade)}: ${count(g.value)} of ${count(g.of)}`).join(', ')}
                {m.unknown > 0 && <span className="muted">, {count(m.unknown)} unknown</span>}
              </p>
            )}
            <p className="muted">
              {went && (
                <>
                  {went.words}
                  {m.trendOf && `, ${m.trendOf}`}.{' '}
                </>
              )}
              {m.reason || m.meaning}
            </p>
          </li>
        );
      })}
    </ul>
  );
}

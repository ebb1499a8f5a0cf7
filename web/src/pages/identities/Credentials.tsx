import { useMediaQuery } from '@mantine/hooks';
import { scaleTime } from 'd3-scale';
import { useMemo } from 'react';
import { useGet } from '@/api/query';
import type { HeldCredential, Items } from '@/api/types';
import { Link } from '@/app/router';
import { ago, date, plural, toDate, word } from '@/lib/format';
import classes from './identity.module.css';
import { Empty, Failed, Rows, SimpleTable, State, Tag, Time } from './parts';

const day = 86_400_000;
/** How long a static credential may live before rules call it long-lived. */
const limitDays = 90;

/** Its credentials: one lane each from creation to expiry, and the same as a table. */
export function Credentials({ path }: { path: string }) {
  const q = useGet<Items<HeldCredential>>(`${path}/credentials`);
  if (!q.data) return q.error ? <Failed what="The list of credentials" error={q.error} retry={() => void q.refetch()} /> : <Rows count={5} height={44} />;
  const rows = q.data.items ?? [];
  if (rows.length === 0)
    return (
      <Empty title="No credential of it is known.">
        It may act through trusts alone (see who can become it), or its credentials lie where no source looks.
      </Empty>
    );
  return (
    <>
      <Lanes rows={rows} />
      <SimpleTable
        label="Its credentials"
        head={['Credential', 'Kind', 'State', 'Created', 'Rotated', 'Last used', 'Expires', 'Places']}
        rows={rows.map((c) => [
          <span key="n" className={classes.marks}>
            <Link to={`/credentials/${c.id}`}>{c.name || c.ref.key}</Link>
            {c.holders > 1 && <Tag title="The same credential is held by several identities">{plural(c.holders, ['holder', 'holders'])}</Tag>}
          </span>,
          word(c.subtype || c.kind),
          <State key="s" value={c.state ?? 'unknown'} />,
          <Time key="c" at={c.createdAt} />,
          <Time key="r" at={c.rotatedAt} none="no rotation seen" />,
          c.neverUsed ? 'never' : <Time key="u" at={c.lastUsed} />,
          c.neverExpires ? 'never' : <Time key="e" at={c.expiresAt} />,
          c.placements?.length ?? 0,
        ])}
      />
    </>
  );
}

/** The timeline. Beyond what is known a lane is hatched: it has an end that nobody said, or none. */
function Lanes({ rows }: { rows: HeldCredential[] }) {
  const now = useMemo(() => Date.now(), []);
  const narrow = useMediaQuery('(max-width: 760px)') ?? false;
  const { scale, ticks } = useMemo(() => {
    const times = rows.flatMap((c) => [c.createdAt, c.notBefore, c.expiresAt, c.lastUsed, c.rotatedAt].flatMap((t) => toDate(t)?.getTime() ?? []));
    const from = Math.min(now - 30 * day, ...times);
    // Expiries decades away would press everything else into one pixel.
    const to = Math.min(Math.max(now + 30 * day, ...times), now + Math.max(400 * day, (now - from) * 0.6));
    const scale = scaleTime().domain([from, to]).range([0, 100]).clamp(true);
    return { scale, ticks: scale.ticks(narrow ? 2 : 6) };
  }, [rows, now, narrow]);
  const at = (t: Date | number) => `${scale(t)}%`;
  return (
    <figure className={classes.lanes} aria-label="Timeline of its credentials; the table below says the same">
      <div className={classes.axis} aria-hidden="true">
        <span />
        <div>
          {ticks.map((t) => (
            <span key={t.getTime()} style={{ left: at(t) }}>
              {date(t)}
            </span>
          ))}
        </div>
      </div>
      {rows.map((c) => (
        <Lane key={c.id} credential={c} at={at} now={now} ticks={ticks} />
      ))}
      <figcaption className={classes.legend}>
        <span>
          <i className={classes.keyBar} /> valid
        </span>
        <span>
          <i className={classes.keyOpen} /> never expires
        </span>
        <span>
          <i className={`${classes.keyBar} hatched`} /> end or beginning not known
        </span>
        <span>
          <i className={classes.keyTick} /> rotated
        </span>
        <span>
          <i className={classes.keyDot} /> last used
        </span>
        <span>
          <i className={classes.keyLimit} /> {limitDays} days old
        </span>
        <span>
          <i className={classes.keyNow} /> now
        </span>
      </figcaption>
    </figure>
  );
}

function Lane({ credential: c, at, now, ticks }: { credential: HeldCredential; at: (t: Date | number) => string; now: number; ticks: Date[] }) {
  const from = toDate(c.createdAt) ?? toDate(c.notBefore);
  const to = toDate(c.expiresAt);
  const rotated = toDate(c.rotatedAt);
  const used = toDate(c.lastUsed);
  const since = rotated ?? from;
  const limit = since && !c.shortLived ? new Date(since.getTime() + limitDays * day) : undefined;
  const words = [
    from ? `created ${ago(from)}` : 'creation not known',
    rotated ? `rotated ${ago(rotated)}` : '',
    used ? `last used ${ago(used)}` : c.neverUsed ? 'never used' : 'use not known',
    to ? `${to.getTime() < now ? 'expired' : 'expires'} ${ago(to)}` : c.neverExpires ? 'never expires' : 'expiry not known',
  ].filter(Boolean);
  const left = from ? at(from) : '0%';
  const known = Math.min(now, to?.getTime() ?? now);
  const width = (a: string, b: string) => `${Math.max(0.4, parseFloat(b) - parseFloat(a))}%`;
  return (
    <div className={classes.lane} title={words.join(', ')}>
      <div className={classes.laneName}>
        <Link to={`/credentials/${c.id}`}>{c.name || c.ref.key}</Link>
        <span className="muted">{word(c.subtype || c.kind)}</span>
      </div>
      <div className={classes.track}>
        {ticks.map((t) => (
          <i key={t.getTime()} className={classes.grid} style={{ left: at(t) }} />
        ))}
        {from ? (
          <i className={classes.bar} style={{ left, width: width(left, at(known)) }} data-ended={to && to.getTime() < now ? true : undefined} />
        ) : (
          <i className={`${classes.bar} hatched`} style={{ left, width: width(left, at(known)) }} />
        )}
        {to && to.getTime() > now && <i className={classes.ahead} style={{ left: at(now), width: width(at(now), at(to)) }} />}
        {!to && c.neverExpires && <i className={classes.ahead} data-open style={{ left: at(now), width: width(at(now), '100%') }} />}
        {!to && !c.neverExpires && <i className={`${classes.ahead} hatched`} style={{ left: at(now), width: width(at(now), '100%') }} />}
        {limit && limit.getTime() < Math.max(now, to?.getTime() ?? now) && <i className={classes.limit} style={{ left: at(limit) }} />}
        {rotated && <i className={classes.tick} style={{ left: at(rotated) }} />}
        {used && <i className={classes.used} style={{ left: at(used) }} />}
        <i className={classes.now} style={{ left: at(now) }} />
      </div>
    </div>
  );
}

import { useGet } from '@/api/query';
import type { ActivityLog, ActivityLogs, UnlistedIdentity } from '@/api/types';
import { useCan } from '@/app/me';
import { Link } from '@/app/router';
import { CopyButton } from '@/components/CopyButton';
import { Page, Section } from '@/components/Page';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Empty, Failed } from '@/components/States';
import { Time } from '@/components/Time';
import { Mark, Unknown, word } from '@/components/Words';
import { count, date, middle, plural, sentence, share, toDate } from '@/lib/format';
import { Days } from '@/pages/usage/Days';
import classes from '@/pages/usage/usage.module.css';
import { Spots } from '@/pages/usage/Spots';
import { useMore } from '@/pages/usage/parts';
import { provenShare, windowText } from '@/pages/usage/words';
import { Attest } from './Attest';
import { Reading, useReading } from './Reading';
import { Streams } from './Streams';
import { SourceTabs } from './Tabs';

/** The logs that were read: what each covers, what is missing, and who stands in them only. */
export default function LogsPage() {
  const { data, error, refetch } = useGet<ActivityLogs>('/activity');
  const reading = useReading(); // shown together: nothing is pushed down by what comes later
  return (
    <Page title="Logs" lead="What was read of logs. Silence says something only where a log covers it.">
      <SourceTabs at="/sources/logs" />
      {error && !data ? (
        <Failed what="The logs" error={error} retry={() => void refetch()} />
      ) : !data || reading.isPending ? (
        <Block height={480} />
      ) : (
        <>
          <Reading />
          {(data.logs ?? []).length === 0 && <NoLogs />}
          <Streams first={data.streams ?? []} />
          {(data.logs ?? []).map((l) => (
            <Log key={`${l.realm} ${l.log}`} of={l} again={refetch} />
          ))}
          <Faults of={data.faults ?? []} />
          <Unlisted of={data.unlisted ?? []} />
        </>
      )}
    </Page>
  );
}

const example = `retinue activity import aws=./AWSLogs --server ${window.location.origin}`;

function NoLogs() {
  return (
    <Empty title="No log was read yet">
      <p>
        Logs tell what each identity has really done. Name those of a source in its form, or under <code className="mono">logs</code> in retinue.yaml, and this server reads them; or have systems send
        theirs, as a collector.
      </p>
      <p className="muted">
        An export is handed in with <code className="mono">{example}</code> <CopyButton value={example} what="command" />
      </p>
    </Empty>
  );
}

const kinds: Record<string, string> = {
  management: 'management',
  data: 'data',
  sign_in: 'sign-in',
  insight: 'insight',
  unknown: 'not understood',
  repeated: 'delivered again, counted once',
  late: 'late, not proven new',
};

function Log({ of: l, again }: { of: ActivityLog; again: () => Promise<unknown> }) {
  const coverage = l.coverage ?? [];
  const proofs = [...new Set(coverage.flatMap((c) => (c.proof ? [c.proof] : [])))];
  const proven = provenShare(l);
  const classesOf = [...new Set(coverage.flatMap((c) => c.classes ?? []))];
  const spots = [...new Map(coverage.flatMap((c) => c.blindSpots ?? []).map((b) => [`${b.code} ${b.text}`, b])).values()];
  const gaps = l.gaps ?? [];
  return (
    <section className={classes.log} aria-label={`${l.log} of ${l.realm}`}>
      <h2>
        {l.log} <span className="muted">of {l.realm}</span>
      </h2>
      <dl className={classes.facts}>
        <div>
          <dt>Covers</dt>
          <dd>{toDate(l.from) ? `${date(l.from)} to ${date(l.to)}` : <Unknown />}</dd>
        </div>
        <div>
          <dt>Gaps</dt>
          <dd>{gaps.length === 0 ? 'none known' : gaps.slice(0, 4).map((g) => windowText(g)).join('; ')}{gaps.length > 4 && ` and ${count(gaps.length - 4)} more`}</dd>
        </div>
        <div>
          <dt>Holds</dt>
          <dd>{classesOf.length > 0 ? `${classesOf.map((c) => kinds[c] ?? word(c)).join(', ')} events` : <Unknown />}</dd>
        </div>
        <div>
          <dt>Completeness</dt>
          <dd>
            {proven === 1 ? (
              <Mark tone="good" sign="check">
                proven
              </Mark>
            ) : (
              <Mark tone="unknown" sign="hatched">
                {proven > 0 ? `proven for ${share(Math.min(proven, 0.999), 1)}` : 'not proven'}
              </Mark>
            )}
          </dd>
        </div>
        {Object.entries(l.events)
          .sort((a, b) => b[1] - a[1])
          .map(([kind, n]) => (
            <div key={kind}>
              <dt>Events, {kinds[kind] ?? word(kind)}</dt>
              <dd>{count(n)}</dd>
            </div>
          ))}
      </dl>
      <p className={classes.reason}>{why(l, proven)}</p>
      <Attest of={l} again={again} />
      <Days days={l.days ?? []} window={{ ...(l.from && { from: l.from }), ...(l.to && { to: l.to }), gaps: gaps.flatMap((g) => (g.from && g.to ? [{ from: g.from, to: g.to }] : [])) }} label="Events a day" most={90} events />
      {proofs.length > 0 && (
        <details>
          <summary>{plural(proofs.length, ['proof', 'proofs'])} that no event is missing</summary>
          <ul className={classes.list}>
            {proofs.map((p) => (
              <li key={p}>{sentence(p)}</li>
            ))}
          </ul>
        </details>
      )}
      {spots.length > 0 && (
        <details>
          <summary>{plural(spots.length, ['blind spot', 'blind spots'])}</summary>
          <Spots of={spots} />
        </details>
      )}
    </section>
  );
}

/** Why a log is good evidence, or why it is weak. */
function why(l: ActivityLog, proven: number): string {
  const coverage = l.coverage ?? [];
  if (coverage.length === 0) return 'Which stretch it covers is not known, so silence in it says nothing.';
  if (proven === 1) return 'It is known to be whole, and only its system could have written to it.';
  const lacks = [
    proven === 0 && coverage.some((c) => !c.proof) && 'nothing proves that no event is missing',
    coverage.some((c) => !c.authenticated) && 'others than its system could have written to it',
  ].filter(Boolean);
  if (proven > 0) return 'Where it is proven to be whole, silence in it is good evidence; elsewhere the evidence is weak.';
  return lacks.length > 0 ? sentence(`the evidence is weak: ${lacks.join(', and ')}`) : '';
}

function Faults({ of }: { of: NonNullable<ActivityLogs['faults']> }) {
  const [shown, more] = useMore(of, 5);
  if (of.length === 0) return null;
  return (
    <Section title="What could not be read" aside="the latest first; everything else was read">
      <Simple
        label="What could not be read"
        rows={shown.map((f, i) => ({ ...f, i }))}
        id={(f) => String(f.i)}
        columns={[
          {
            name: 'input',
            head: 'Where',
            cell: (f) => (
              <div className={classes.cell}>
                <span title={f.input}>{middle(f.input, 56)}</span>
                <br />
                <span className="muted">
                  {f.log}
                  {!!f.place && `, at ${count(f.place)}`}
                </span>
              </div>
            ),
          },
          { name: 'message', head: 'What', cell: (f) => f.message },
          { name: 'count', head: 'Times', right: true, wide: true, cell: (f) => count(f.count) },
          { name: 'at', head: 'Read', wide: true, cell: (f) => <Time at={f.recordedAt} /> },
        ]}
      />
      {more}
    </Section>
  );
}

function Unlisted({ of }: { of: UnlistedIdentity[] }) {
  const can = useCan();
  if (of.length === 0) return null;
  return (
    <Section title="Seen in logs only" aside={plural(of.length, ['identity', 'identities'])}>
      <Simple
        label="Seen in logs only"
        rows={of}
        id={(u) => `${u.ref.realm} ${u.ref.kind} ${u.ref.key}`}
        columns={[
          {
            name: 'who',
            head: 'Identity',
            cell: (u) => (
              <div className={classes.cell}>
                <span title={u.ref.key}>{middle(u.ref.key, 64)}</span>
                <br />
                <span className="muted" title={u.ref.realm}>
                  {word(u.ref.kind)} in {middle(u.ref.realm, 40)}
                </span>
              </div>
            ),
          },
          {
            name: 'why',
            head: 'Why, and what to do',
            cell: (u) => (
              <div className={classes.cell}>
                {u.why === 'shadow' ? (
                  <>
                    <Mark tone="high" sign="triangle">
                      shadow
                    </Mark>{' '}
                    Its system was listed without it. Find out who made it, or scan its system again.
                  </>
                ) : (
                  <>
                    <Mark tone="unknown" sign="hatched">
                      not connected
                    </Mark>{' '}
                    {!u.connect ? (
                      <span className="muted">No connector lists this system.</span>
                    ) : can('sources.manage') ? (
                      <Link to={`/sources/new?kind=${encodeURIComponent(u.connect)}`}>Connect {u.connect}</Link>
                    ) : (
                      `Connect ${u.connect}.`
                    )}
                  </>
                )}
              </div>
            ),
          },
          { name: 'first', head: 'First seen', wide: true, cell: (u) => <Time at={u.firstSeen} /> },
        ]}
      />
    </Section>
  );
}

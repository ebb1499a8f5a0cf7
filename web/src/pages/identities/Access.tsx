import { Checkbox } from '@mantine/core';
import { useState } from 'react';
import { useGet } from '@/api/query';
import type { AccessWays, BlastRadius, GrantedAccess, Held, HeldAnswer, IdentityDetail, Without } from '@/api/types';
import { Link } from '@/app/router';
import access from '@/pages/access/access.module.css';
import { Hops, Surely } from '@/pages/access/Hops';
import { Reach } from '@/pages/access/Reach';
import { conditionText, Gaps, Reasons } from '@/pages/access/words';
import { count, middle, plural } from '@/lib/format';
import { Granted } from './Granted';
import classes from './identity.module.css';
import { Empty, Failed, Notice, Rows, Section, Tag } from './parts';

const titles: Record<string, string> = {
  administers: 'Administers',
  escalates: 'Can gain further rights',
  reads_secrets: 'Reads secrets',
  exposes_resources: 'Can open things to others',
  destroys: 'Can destroy',
  reads_data: 'Reads data',
  changes: 'Changes things',
  looks: 'Lists and describes',
};

interface Props {
  identity: IdentityDetail;
  path: string;
  granted: GrantedAccess | undefined;
  grantedError: unknown;
  retry: () => void;
}

/** What it can do after everything that limits it, how far that reaches, and what it would lose without a grant. */
export function Access({ identity, path, granted, grantedError, retry }: Props) {
  const held = useGet<HeldAnswer>(`${path}/held`, {}, { retry: false });
  if (held.error) return <Failed what="What it can do" error={held.error} retry={() => void held.refetch()} />;
  if (!held.data) return <Rows count={8} />;
  if (!held.data.judged)
    return (
      <>
        <Notice tone="unknown">No engine speaks for its system. What follows is what single documents say, one by one.</Notice>
        <Granted access={granted} error={grantedError} retry={retry} />
      </>
    );
  return (
    <>
      <Gaps of={held.data.gaps} />
      <HeldList held={held.data.held ?? []} path={path} />
      {(held.data.held ?? []).some((h) => h.consequence === 'administers' && h.outcome === 'Allowed') ? (
        <Section title="Whom it can become" aside={<Link to={`/access?ask=ways&from=${encodeURIComponent(identity.id)}`}>all of them</Link>}>
          <p>It administers its system, and so can act as everyone in it.</p>
        </Section>
      ) : (
        <Worst id={identity.id} name={identity.name || identity.key} />
      )}
      <Radius id={identity.id} />
      <Section title="Its policies and grants, as written">
        <details>
          <summary>Show what single documents say</summary>
          <Granted access={granted} error={grantedError} retry={retry} />
        </details>
      </Section>
    </>
  );
}

/** The documents that give what is held, any of them enough. */
const documentsOf = (h: Held) => (h.because ?? []).filter((b) => b.effect === 'allow' && b.document).map((b) => b.document ?? '');

function HeldList({ held, path }: { held: Held[]; path: string }) {
  const [off, setOff] = useState<string[]>([]);
  const without = useGet<Without>(off.length > 0 ? `${path}/without` : undefined, { document: off }, { retry: false, keep: true });
  if (held.length === 0) return <Empty title="It can do nothing.">No grant of it allows anything, with everything that limits it in force.</Empty>;
  const documents = [...new Set(held.flatMap(documentsOf))];
  const groups = Object.keys(titles).filter((c) => held.some((h) => h.consequence === c));
  return (
    <>
      {groups.map((c) => {
        const list = held.filter((h) => h.consequence === c);
        return (
          <Section key={c} title={titles[c]} aside={count(list.length)}>
            <Sentences held={list} off={off} />
          </Section>
        );
      })}
      {documents.length > 0 && (
        <Section title="What if a grant went?">
          <p className="muted">Untick a grant to see what it would lose. What of that it has used is not known until a log is connected.</p>
          <div className={access.grants}>
            {documents.slice(0, 50).map((d) => (
              <Checkbox
                key={d}
                checked={!off.includes(d)}
                onChange={() => setOff((old) => (old.includes(d) ? old.filter((x) => x !== d) : [...old, d]))}
                label={<span title={d}>{middle(d, 88)}</span>}
              />
            ))}
          </div>
          {off.length > 0 &&
            (without.error ? (
              <Failed what="What it would lose" error={without.error} retry={() => void without.refetch()} />
            ) : !without.data ? (
              <Rows count={3} />
            ) : (
              <Lost of={without.data} />
            ))}
        </Section>
      )}
    </>
  );
}

function Lost({ of: w }: { of: Without }) {
  const lost = w.lost ?? [];
  return (
    <div role="status">
      <p>
        {lost.length === 0 ? 'It would lose nothing' : `It would lose ${plural(lost.length, ['thing', 'things'])}`}
        {w.kept > 0 && `; ${plural(w.kept, ['other is', 'others are'])} given by another grant as well`}. It comes to {count(w.before.things)}{' '}
        {w.before.things === 1 ? 'thing' : 'things'} now and would come to {count(w.after.things)}; of administrators, {count(w.before.administrators)} now and{' '}
        {count(w.after.administrators)} then.
      </p>
      <ul className={classes.plain}>
        {lost.map((l, i) => (
          <li key={i}>{l.sentence}</li>
        ))}
      </ul>
    </div>
  );
}

function Sentences({ held, off }: { held: Held[]; off: string[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? held : held.slice(0, 12);
  return (
    <>
      <ul className={classes.sentences}>
        {shown.map((h, i) => (
          <li key={i} data-off={(documentsOf(h).length > 0 && documentsOf(h).every((d) => off.includes(d))) || undefined}>
            <details>
              <summary>
                {h.sentence}
                {h.within && <span className="muted"> in {h.within}</span>}
                {h.outcome === 'Conditional' && <span className="muted">, only if {(h.remains ?? []).map(conditionText).join(' and ')}</span>}
                {h.outcome === 'Unknown' && <Tag>not understood</Tag>}
              </summary>
              <p className={classes.path}>
                {(h.actions ?? []).join(', ')}
                {h.expands ? ` (${plural(h.expands, ['known action', 'known actions'])})` : ''}
                {(h.resources ?? []).length > 0 && <> on {(h.resources ?? []).join(', ')}</>}
              </p>
              <Reasons of={h.because} />
            </details>
          </li>
        ))}
      </ul>
      {held.length > shown.length && (
        <button type="button" className={classes.more} onClick={() => setAll(true)}>
          and {held.length - shown.length} more
        </button>
      )}
    </>
  );
}

/** The shortest way to the gravest that it comes to act as. */
function Worst({ id, name }: { id: string; name: string }) {
  const ways = useGet<AccessWays>('/access/paths', { from: id }, { retry: false });
  if (ways.error) return <Failed what="Whom it comes to act as" error={ways.error} retry={() => void ways.refetch()} />;
  if (!ways.data) return <Rows count={2} />;
  const items = (ways.data.items ?? []).filter((w) => w.thing.id !== id);
  const worst = items.find((w) => w.admin && !w.possible) ?? items.find((w) => w.admin) ?? items[0];
  return (
    <Section
      title="Whom it can become"
      aside={items.length > 0 ? <Link to={`/access?ask=ways&from=${encodeURIComponent(id)}`}>{plural(ways.data.total, ['way', 'ways'])}</Link> : undefined}
    >
      {!worst ? (
        <p className="muted">Nobody else, as far as was read.</p>
      ) : (
        <>
          <p>
            {worst.admin ? 'It comes to an administrator' : 'It comes to act as another'} by {plural((worst.hops ?? []).length, ['step', 'steps'])}, <Surely possible={worst.possible} />.
          </p>
          <Hops hops={worst.hops ?? []} label={`The steps from ${name}`} />
        </>
      )}
    </Section>
  );
}

function Radius({ id }: { id: string }) {
  const reach = useGet<BlastRadius>('/access/reach', { of: id, limit: 12 }, { retry: false });
  const inverse = useGet<BlastRadius>('/access/reach', { of: id, inverse: true, limit: 12 }, { retry: false });
  return (
    <>
      <Section title="What its holder reaches" aside={<Link to={`/access?ask=reach&of=${encodeURIComponent(id)}`}>all of it</Link>}>
        {reach.error ? <Failed what="Its reach" error={reach.error} retry={() => void reach.refetch()} /> : !reach.data ? <Rows count={4} /> : <Reach of={reach.data} most={12} />}
      </Section>
      <Section title="Who can become it" aside={<Link to={`/access?ask=reach&inverse=true&of=${encodeURIComponent(id)}`}>all of them</Link>}>
        {inverse.error ? <Failed what="Who reaches it" error={inverse.error} retry={() => void inverse.refetch()} /> : !inverse.data ? <Rows count={4} /> : <Reach of={inverse.data} most={12} />}
      </Section>
    </>
  );
}

import { useGet } from '@/api/query';
import type { UnusedGrant, UnusedGrants } from '@/api/types';
import { Link } from '@/app/router';
import { Section } from '@/components/Page';
import { Simple } from '@/components/Simple';
import { Rows } from '@/components/Skeletons';
import { Failed } from '@/components/States';
import { Tag, Term } from '@/components/Words';
import { count, date, middle, plural, sentence } from '@/lib/format';
import { Some, useMore } from './parts';
import classes from './usage.module.css';

/** What an identity is granted and has not used, and of what the log cannot tell. */
export function Unused({ path, proposable }: { path: string; proposable: boolean }) {
  const q = useGet<UnusedGrants>(`${path}/unused-grants`, {}, { retry: false });
  const u = q.data;
  return (
    <Section title={<Term of="grant">Granted and not used</Term>} aside={u?.known ? `${count((u.unused ?? []).length)} of ${plural(u.granted, ['grant', 'grants'])}` : undefined}>
      {q.error && !u ? (
        <Failed what="What it is granted and did not use" error={q.error} retry={() => void q.refetch()} />
      ) : !u ? (
        <Rows count={3} />
      ) : !u.known ? (
        <p className="muted">Not known: {u.why}.</p>
      ) : (
        <>
          {proposable && (
            <p>
              <Link to={`${path}?propose=managed`}>Propose a smaller policy</Link> <span className="muted">from what it really did, simulated before it is shown</span>
            </p>
          )}
          <Grants of={u.unused ?? []} label="Granted and not used" path={path} none={u.granted === 0 ? 'Nothing is granted to it, as far as was read.' : 'It used everything that it is granted.'} />
          {u.grantsKnownFrom && (u.unused ?? []).length > 0 && <p className={classes.small}>What was granted before {date(u.grantsKnownFrom)} is not known.</p>}
          {(u.recent ?? []).length > 0 && (
            <details className={classes.small}>
              <summary>{plural((u.recent ?? []).length, ['more was granted', 'more were granted'])} too lately to have been used</summary>
              <Grants of={u.recent ?? []} label="Granted too lately to have been used" path={path} none="" />
            </details>
          )}
          {(u.unseen ?? []).length > 0 && (
            <details className={classes.small}>
              <summary>{plural((u.unseen ?? []).length, ['more is granted of which', 'more are granted of which'])} the log cannot show the use</summary>
              <Grants of={u.unseen ?? []} label="Granted, and the log cannot show its use" path={path} none="" />
            </details>
          )}
        </>
      )}
    </Section>
  );
}

function Grants({ of, label, path, none }: { of: UnusedGrant[]; label: string; path: string; none: string }) {
  const [shown, more] = useMore(of, 12);
  return (
    <>
      <Simple
        label={label}
        rows={shown.map((g, i) => ({ ...g, i }))}
        id={(g) => String(g.i)}
        empty={none ? <p className="muted">{none}</p> : undefined}
        columns={[
          {
            name: 'what',
            head: 'What it may do',
            cell: (g) => (
              <>
                {sentence(g.sentence).replace(/\.$/, '')} {g.whole && !g.because && <Tag>never used</Tag>}
                {g.grantedSince && <div className={classes.small}>granted only since {date(g.grantedSince)}</div>}
                {g.because && <div className={classes.small}>{sentence(g.because)}</div>}
                {(g.used ?? []).length > 0 && (
                  <div className={classes.small}>
                    of it used: <Some of={g.used} />
                  </div>
                )}
                {(g.resources ?? []).length > 0 && (
                  <div className={classes.small}>
                    not on: <Some of={g.resources} />
                  </div>
                )}
              </>
            ),
          },
          { name: 'actions', head: 'Actions', wide: true, cell: (g) => <Some of={g.actions} /> },
          {
            name: 'by',
            head: 'Granted by',
            cell: (g) =>
              g.document ? (
                <>
                  <span title={g.document}>{middle(g.document.slice(g.document.lastIndexOf('/') + 1), 40)}</span> <span className="muted">{g.statement}</span>
                  <br />
                  <Link to={`${path}?simulate=revoke&grant=${encodeURIComponent(g.document)}`} aria-label={`Simulate taking ${g.document} away`}>
                    Simulate taking it away
                  </Link>
                </>
              ) : (
                <span className="muted">not known</span>
              ),
          },
        ]}
      />
      {more}
    </>
  );
}

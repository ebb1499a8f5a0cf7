import { Button, Select } from '@mantine/core';
import { useSearchParams } from 'wouter';
import { useGet } from '@/api/query';
import type { VerdictLine, Verdicts } from '@/api/types';
import { useAsOf } from '@/app/asof';
import { Link } from '@/app/router';
import { Page } from '@/components/Page';
import { Simple } from '@/components/Simple';
import { Rows } from '@/components/Skeletons';
import { Empty, Failed } from '@/components/States';
import { Time } from '@/components/Time';
import { evidence, Term, Usage, word } from '@/components/Words';
import { middle, sentence } from '@/lib/format';
import classes from './usage.module.css';
import { grades, statuses } from './words';

const filters = ['of', 'status', 'grade'] as const;

/** Whether each identity and credential is still used, and how sure that is. The filters stand in the address. */
export default function UsagePage() {
  const { asOf } = useAsOf();
  const [params, setParams] = useSearchParams();
  const value = (name: string) => params.get(name) ?? undefined;
  const after = value('after');
  const set = (name: string, to: string | null | undefined) =>
    setParams((old) => {
      const next = new URLSearchParams(old);
      next.delete('after');
      if (to) next.set(name, to);
      else next.delete(name);
      return next;
    });
  const chosen = Object.fromEntries(filters.map((f) => [f, value(f)]));
  const q = useGet<Verdicts>('/verdicts', { ...chosen, after, limit: 100, asOf }, { keep: true });
  const rows = q.data?.items ?? [];
  const filtered = filters.some((f) => value(f));
  const clear = () => setParams((old) => new URLSearchParams([...old].filter(([name]) => name !== 'after' && !filters.includes(name as never))));
  return (
    <Page title={titleOf(chosen)} lead={asOf ? 'Whether each was still used, as it was concluded on that day.' : 'Whether each is still used, as far as logs and the systems themselves say.'} actions={<Link to="/usage/events">Events one by one</Link>}>
      <div className={classes.tools}>
        <Select
          aria-label="Of"
          placeholder="Identities and credentials"
          clearable
          data={['identities', 'credentials']}
          value={value('of') ?? null}
          onChange={(v) => set('of', v)}
        />
        <Select
          aria-label="Usage status"
          placeholder="Any usage status"
          clearable
          data={statuses.map((s) => ({ value: s, label: word(s) }))}
          value={value('status') ?? null}
          onChange={(v) => set('status', v)}
        />
        <Select
          aria-label="Evidence"
          placeholder="Any evidence"
          clearable
          data={grades.map((g) => ({ value: g, label: `evidence ${evidence(g)}` }))}
          value={value('grade') ?? null}
          onChange={(v) => set('grade', v)}
        />
      </div>
      {!q.data ? (
        q.error ? (
          <Failed what="The usage statuses" error={q.error} retry={() => void q.refetch()} />
        ) : (
          <Rows count={16} height={38} />
        )
      ) : (
        <>
          <Simple
            label="Usage statuses"
            rows={rows}
            id={(v) => v.id}
            empty={
              <Empty
                title={filtered ? 'None has that.' : 'Nothing was judged yet.'}
                action={
                  filtered && (
                    <Button variant="default" onClick={clear}>
                      Clear the filters
                    </Button>
                  )
                }
              >
                {filtered ? 'No identity or credential has all of what the filters ask for.' : 'Statuses are formed after a scan, and again after each log that is handed in.'}
              </Empty>
            }
            columns={[
              {
                name: 'name',
                head: 'Name',
                cell: (v) => (
                  <>
                    <Link to={pageOf(v)}>{middle(v.name || v.id, 56)}</Link>
                    <br />
                    <span className="muted">{word(v.kind)}</span>
                  </>
                ),
              },
              {
                name: 'status',
                head: 'Usage status',
                cell: (v) => (
                  <>
                    <Usage value={v.status} />
                    <span className={`${classes.narrow} ${classes.nowrap}`}>evidence {evidence(v.grade)}</span>
                  </>
                ),
              },
              { name: 'grade', head: <Term of="evidence of use">Evidence</Term>, wide: true, cell: (v) => evidence(v.grade) },
              { name: 'used', head: 'Last used', cell: (v) => <Time at={v.lastUsed} none={v.status === 'never_used' ? 'never' : 'not known'} /> },
              { name: 'reason', head: 'Why', wide: true, cell: (v) => sentence(v.reason) },
            ]}
          />
          {(after || q.data.next) && (
            <nav className={classes.pager} aria-label="Pages of the usage statuses">
              <Button variant="default" disabled={!after} onClick={() => set('after', null)}>
                The first
              </Button>
              <Button variant="default" disabled={!q.data.next} onClick={() => set('after', q.data?.next)}>
                Further
              </Button>
            </nav>
          )}
        </>
      )}
    </Page>
  );
}

const pageOf = (v: VerdictLine) => (v.id.startsWith('crd_') ? `/credentials/${v.id}?tab=usage` : `/identities/${v.id}?tab=usage`);

/** The filter in words: "Dormant identities, evidence good". */
function titleOf({ of, status, grade }: Record<string, string | undefined>): string {
  if (!of && !status && !grade) return 'Usage';
  const text = [status && word(status), of ?? 'identities and credentials'].filter(Boolean).join(' ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${grade ? `, evidence ${evidence(grade)}` : ''}`;
}

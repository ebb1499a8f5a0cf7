import { Select, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useMemo } from 'react';
import { useSearchParams } from 'wouter';
import { useGet } from '@/api/query';
import { Link } from '@/app/router';
import { Page } from '@/components/Page';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Empty, Failed } from '@/components/States';
import { Severity, Term, word } from '@/components/Words';
import { count, plural, Word } from '@/lib/format';
import type { RuleRow } from './data';
import { riskLabel, risks } from './risks';
import classes from './rules.module.css';

const rank = ['critical', 'high', 'medium', 'low', 'info'];

type Order = 'open' | 'severity' | 'id';

const orders: Record<Order, (a: RuleRow, b: RuleRow) => number> = {
  open: (a, b) => b.open - a.open || bySeverity(a, b),
  severity: (a, b) => bySeverity(a, b) || b.open - a.open,
  id: (a, b) => a.id.localeCompare(b.id),
};

const bySeverity = (a: RuleRow, b: RuleRow) => rank.indexOf(a.severity) - rank.indexOf(b.severity);

/** The rules in force, with how many findings each has. The address holds the filter. */
export default function RulesPage() {
  const { data, error, refetch } = useGet<{ items: RuleRow[] | null }>('/rules');
  const [params, setParams] = useSearchParams();
  const text = params.get('text') ?? '';
  const risk = params.get('owasp') ?? '';
  const over = params.get('over') ?? '';
  const order = (params.get('sort') ?? 'open') as Order;

  const set = (name: string, value: string | null) =>
    setParams(
      (old) => {
        const q = new URLSearchParams(old);
        if (value) q.set(name, value);
        else q.delete(name);
        return q;
      },
      { replace: true },
    );

  const all = useMemo(() => data?.items ?? [], [data]);
  const shown = useMemo(() => {
    const t = text.toLowerCase();
    return all
      .filter((r) => !t || r.id.includes(t) || r.title.toLowerCase().includes(t))
      .filter((r) => !risk || r.owasp?.includes(risk))
      .filter((r) => !over || r.over === over)
      .sort(orders[order] ?? orders.open);
  }, [all, text, risk, over, order]);

  const hits = all.reduce((sum, r) => sum + r.open, 0);
  return (
    <Page
      title="Rules"
      lead={data ? `${plural(all.length, ['rule', 'rules'])} in force; ${plural(hits, ['finding is', 'findings are'])} open.` : '\u00a0'}
    >
      <div className={classes.tools}>
        <TextInput
          type="search"
          aria-label="Search rules"
          placeholder="Name or id"
          leftSection={<IconSearch size={14} aria-hidden="true" />}
          value={text}
          onChange={(event) => set('text', event.currentTarget.value)}
        />
        <Select
          aria-label="Risk"
          placeholder="Every risk"
          clearable
          clearButtonProps={{ 'aria-label': 'Every risk', tabIndex: 0 }}
          data={Object.keys(risks).map((value) => ({ value, label: riskLabel(value) }))}
          value={risk || null}
          onChange={(v) => set('owasp', v)}
        />
        <Select
          aria-label="About"
          placeholder="About anything"
          clearable
          clearButtonProps={{ 'aria-label': 'About anything', tabIndex: 0 }}
          data={['identity', 'credential', 'resource', 'trust', 'pipeline', 'source'].map((v) => ({ value: v, label: Word(v) }))}
          value={over || null}
          onChange={(v) => set('over', v)}
        />
        <Select
          aria-label="Order"
          data={[
            { value: 'open', label: 'Most findings first' },
            { value: 'severity', label: 'Worst first' },
            { value: 'id', label: 'By id' },
          ]}
          value={order}
          allowDeselect={false}
          onChange={(v) => set('sort', v === 'open' ? null : v)}
        />
      </div>
      {error ? (
        <Failed what="The rules" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Block height={480} />
      ) : (
        <Simple
          label="Rules"
          rows={shown}
          id={(r) => r.id}
          empty={<Empty title="No rule matches.">Take a word or a filter away.</Empty>}
          columns={[
            {
              name: 'title',
              head: 'Rule',
              cell: (r) => (
                <>
                  <Link to={`/rules/${r.id}`} className={classes.link}>
                    {r.title}
                  </Link>
                  <br />
                  <code className="mono muted">{r.id}</code>
                </>
              ),
            },
            { name: 'severity', head: <Term of="severity">Severity</Term>, cell: (r) => <Severity value={r.severity} /> },
            { name: 'over', head: 'About', wide: true, cell: (r) => word(r.over) },
            { name: 'owasp', head: 'Risk', wide: true, cell: (r) => (r.owasp ?? []).map(riskLabel).join(', ') },
            {
              name: 'open',
              head: 'Open findings',
              right: true,
              cell: (r) => (r.open > 0 ? <Link to={`/findings?rule=${encodeURIComponent(r.id)}`}>{count(r.open)}</Link> : <span className="muted">0</span>),
            },
          ]}
        />
      )}
    </Page>
  );
}

import { useParams } from 'wouter';
import { useGet } from '@/api/query';
import { Link } from '@/app/router';
import { Columns, Facts, Marks } from '@/components/Columns';
import { CopyButton } from '@/components/CopyButton';
import { Page, Section } from '@/components/Page';
import { Sign } from '@/components/Sign';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Failed } from '@/components/States';
import { Priority, Severity, State, Tag, Unknown, word } from '@/components/Words';
import { plural } from '@/lib/format';
import { pageOf, stepsOf, type Finding } from '@/pages/findings/data';
import type { Rule, RuleCase } from './data';
import { risks } from './risks';
import classes from './rules.module.css';

/** One rule: its condition, the cases that prove it, and whom it hits. */
export default function RulePage() {
  const { id } = useParams<{ id: string }>();
  const { data, error, refetch } = useGet<Rule>(`/rules/${id}`);
  if (error) return <Failed what="The rule" error={error} retry={() => void refetch()} />;
  if (!data) {
    return (
      <Page title="Rule">
        <Block height={400} />
      </Page>
    );
  }
  return <One rule={data} />;
}

function One({ rule: r }: { rule: Rule }) {
  const steps = stepsOf(r.remediation);
  return (
    <Page title={r.title} lead={r.why}>
      <Marks>
        <Severity value={r.severity} filled />
        <span>about {word(r.over)}</span>
        <Link to={`/findings?rule=${encodeURIComponent(r.id)}`}>{plural(r.open, ['open finding', 'open findings'])}</Link>
      </Marks>
      <Columns
        side={
          <Facts
            rows={[
              [
                'Id',
                <span key="id">
                  <code className="mono">{r.id}</code> <CopyButton value={r.id} what="id" />
                </span>,
              ],
              !!r.where && ['Written in', <code className="mono">{r.where}</code>],
              !!r.owasp?.length && [
                'Risk',
                r.owasp.map((o) => (
                  <div key={o} title={risks[o]?.why}>
                    {o} {risks[o]?.name}
                  </div>
                )),
              ],
              !!r.controls?.length && [
                'Supports',
                <span style={{ display: 'flex', flexWrap: 'wrap', gap: 6 }}>
                  {r.controls.map((c) => (
                    <Tag key={c}>{c.replace(':', ' ')}</Tag>
                  ))}
                </span>,
              ],
              !!r.references?.length && ['Read more', r.references.map((u) => <div key={u}>{u}</div>)],
            ]}
          />
        }
      >
        <Section title="Condition" id="when" aside="in CEL; the rule fires where it holds">
          <pre className={classes.code} tabIndex={0} aria-label="Condition">
            {r.when}
          </pre>
        </Section>
        <Section title="What it says" id="says">
          <p style={{ margin: 0 }}>{r.message}</p>
        </Section>
        <Section title="How to fix" id="fix">
          {steps.length > 1 ? (
            <ol style={{ margin: 0, paddingLeft: 20 }}>
              {steps.map((s, i) => (
                <li key={i}>{s}</li>
              ))}
            </ol>
          ) : (
            <p style={{ margin: 0 }}>{r.remediation}</p>
          )}
        </Section>
        <Section title="Whom it hits" id="hits">
          <Hits id={r.id} />
        </Section>
        <Section title="Its cases" id="cases" aside="They are run each time the rules are loaded">
          <Cases title="It must fire" cases={r.fire ?? []} fire />
          <Cases title="It must stay quiet" cases={r.quiet ?? []} />
        </Section>
      </Columns>
    </Page>
  );
}

function Cases({ title, cases, fire }: { title: string; cases: RuleCase[]; fire?: boolean }) {
  return (
    <ul className={classes.cases} aria-label={title}>
      {cases.map((c, i) => (
        <li key={i}>
          <details>
            <summary>
              <span className={fire ? classes.fire : classes.quiet}>
                <Sign name={fire ? 'triangle' : 'check'} />
              </span>
              <span>{c.name}</span>
              <span className="muted">{fire ? 'must fire' : 'must stay quiet'}</span>
            </summary>
            {c.subject && (
              <pre className={classes.code} tabIndex={0} aria-label={`Subject of the case ${c.name}`}>
                {JSON.stringify(c.subject, null, 2)}
              </pre>
            )}
          </details>
        </li>
      ))}
    </ul>
  );
}

function Hits({ id }: { id: string }) {
  const { data, error, refetch } = useGet<{ items: Finding[] | null; total: number; totalIsMore: boolean }>('/findings', { rule: id, limit: 10 });
  if (error) return <Failed what="Its findings" error={error} retry={() => void refetch()} />;
  if (!data) return <Block height={160} />;
  return (
    <>
      <Simple
        label="Findings of this rule"
        rows={data.items ?? []}
        id={(f) => f.id}
        empty={<Unknown>Nobody: the condition holds for nothing that was scanned.</Unknown>}
        columns={[
          { name: 'priority', head: 'Priority', cell: (f) => <Priority value={f.priority} /> },
          {
            name: 'name',
            head: 'About',
            cell: (f) => {
              const to = pageOf(f.entity);
              return to ? <Link to={to}>{f.name}</Link> : f.name;
            },
          },
          { name: 'message', head: 'Finding', wide: true, cell: (f) => <Link to={`/findings/${f.id}`}>{f.message}</Link> },
          { name: 'state', head: 'State', cell: (f) => <State value={f.state} /> },
        ]}
      />
      {data.total > 10 && (
        <p style={{ fontSize: 13 }}>
          <Link to={`/findings?rule=${encodeURIComponent(id)}`}>Show all {plural(data.total, ['finding', 'findings'], data.totalIsMore)}</Link>
        </p>
      )}
    </>
  );
}

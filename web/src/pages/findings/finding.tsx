import { Button } from '@mantine/core';
import { useParams } from 'wouter';
import { useGet } from '@/api/query';
import { useCan } from '@/app/me';
import { Link } from '@/app/router';
import { Columns, Facts, Marks } from '@/components/Columns';
import { CopyButton } from '@/components/CopyButton';
import { Evidence } from '@/components/Evidence';
import { Page, Section } from '@/components/Page';
import { Block } from '@/components/Skeletons';
import { Failed, Notice } from '@/components/States';
import { Time } from '@/components/Time';
import { Priority, Severity, State, Tag, Term, Unknown } from '@/components/Words';
import { date, plural, word } from '@/lib/format';
import { risks } from '@/pages/rules/risks';
import { decidable, pageOf, placeWords, stepsOf, type Finding } from './data';
import classes from './findings.module.css';
import { Past } from './Past';
import { useTriage } from './Triage';

/** One finding: what holds, what shows it, why it matters, how it ends, and who decided what about it. */
export default function FindingPage() {
  const { id } = useParams<{ id: string }>();
  const { data, error, refetch } = useGet<Finding>(`/findings/${id}`);
  if (error) return <Failed what="The finding" error={error} retry={() => void refetch()} />;
  if (!data) {
    return (
      <Page title="Finding">
        <Block height={320} />
      </Page>
    );
  }
  return <One finding={data} />;
}

function One({ finding: f }: { finding: Finding }) {
  const can = useCan();
  const triage = useTriage(f.id);
  const may = can('findings.triage') && decidable(f);
  const closed = f.state === 'accepted' || f.state === 'acknowledged';
  return (
    <Page
      title={f.title}
      lead={f.message}
      actions={
        may && (
          <>
            {closed ? (
              <Button onClick={() => triage.start('reopen')}>Reopen</Button>
            ) : (
              <Button onClick={() => triage.start('acknowledge')}>Acknowledge</Button>
            )}
            <Button variant="default" onClick={() => triage.start('assign')}>
              Assign
            </Button>
            {f.state !== 'accepted' && (
              <Button variant="default" onClick={() => triage.start('accept')}>
                Accept until…
              </Button>
            )}
          </>
        )
      }
    >
      <Marks>
        <Severity value={f.severity} filled />
        <State value={f.state} filled />
        <span>
          <Term of="priority">priority</Term> <Priority value={f.priority} />
        </span>
        {f.priorityReason && <span className="muted">{f.priorityReason}</span>}
      </Marks>
      {f.accepted && f.state === 'accepted' && (
        <Notice tone="unknown">
          {f.accepted.by} accepted the risk until {date(f.accepted.until)}: {f.accepted.reason}
        </Notice>
      )}
      {f.suppressed && <Notice tone="unknown">Counted and not listed: {f.suppressed}</Notice>}
      <Columns side={<Side finding={f} />}>
        <Section title="How to fix" id="fix">
          <Fix finding={f} />
        </Section>
        <Section title="Evidence" id="evidence">
          <Evidence of={evidenceOf(f)} />
          {isSignal(f) && (
            <p>
              <Link to={`/usage/events?signal=${f.id}`}>The events behind it, one by one</Link>
            </p>
          )}
        </Section>
        {!!f.places?.length && (
          <Section title="Where" id="where" aside={plural(f.places.length, ['place', 'places'])}>
            <ul className={classes.places}>
              {f.places.map((p, i) => (
                <li key={i}>
                  <code className="mono">{placeWords(p)}</code>
                  <CopyButton value={placeWords(p)} what="place" />
                  <span className="muted">
                    {word(p.kind)}, {p.container?.key ?? p.realm}
                  </span>
                </li>
              ))}
            </ul>
          </Section>
        )}
        <Section title="Why it matters" id="why">
          {(f.owasp ?? []).map((id) => (
            <p key={id} className={classes.risk}>
              <strong>
                {id} {risks[id]?.name}.
              </strong>{' '}
              {risks[id]?.why}
            </p>
          ))}
          {!f.owasp?.length && <Unknown>The rule names no risk of the OWASP list.</Unknown>}
        </Section>
        <Section title="History" id="history">
          <Past finding={f} />
        </Section>
      </Columns>
      {triage.dialog}
    </Page>
  );
}

/** Whether a finding tells of something unusual in use. */
const isSignal = (f: Finding) => Array.isArray(f.evidence?.['behaviours']);

/** What a rule saw, without what only programs read. */
function evidenceOf(f: Finding): Record<string, unknown> {
  if (!isSignal(f)) return f.evidence ?? {};
  const { history, also, kind, ...rest } = f.evidence ?? {};
  delete rest['behaviours'];
  return {
    ...(kind !== undefined && { kind: word(String(kind)) }),
    ...(Array.isArray(also) && { also: also.map((a) => word(String(a))) }),
    ...rest,
    ...(history === true && { noticed: 'when it was over, so that nobody was sent a notice' }),
  };
}

function Fix({ finding: f }: { finding: Finding }) {
  const steps = stepsOf(f.remediation);
  const others = f.fixCount ?? 0;
  return (
    <>
      {steps.length > 1 ? (
        <ol className={classes.steps}>
          {steps.map((s, i) => (
            <li key={i}>{s}</li>
          ))}
        </ol>
      ) : (
        <p className={classes.message}>{steps[0] ?? 'The rule names no steps.'}</p>
      )}
      {f.fix && others > 1 && (
        <p className={classes.message} style={{ marginTop: 12 }}>
          <strong>One fix, {plural(others, ['finding', 'findings'])}.</strong>{' '}
          {f.fixTitle ?? 'The same change'} settles them together.{' '}
          <Link to={`/findings?fix=${encodeURIComponent(f.fix)}`}>Show them</Link>
        </p>
      )}
    </>
  );
}

function Side({ finding: f }: { finding: Finding }) {
  const to = pageOf(f.entity);
  const name = f.name || f.subject.key;
  return (
    <Facts
      rows={[
        ['About', to ? <Link to={to}>{name}</Link> : name],
        ['Source', f.source || <Unknown />],
        [<Term of="owner">Owner</Term>, f.owner || <Unknown>nobody yet</Unknown>],
        ['Works on it', f.assignee || <Unknown>nobody yet</Unknown>],
        ['First seen', <Time at={f.firstSeen} />],
        ['Last seen', <Time at={f.lastSeen} />],
        !!f.resolvedAt && ['Resolved', <Time at={f.resolvedAt} />],
        ['Rule', <Link to={`/rules/${f.rule}`}>{f.rule}</Link>],
        !!f.family && [
          'Same definition',
          <Link to={`/findings?family=${encodeURIComponent(f.family)}`}>{plural(f.familyCount ?? 1, ['finding', 'findings'])} of this family</Link>,
        ],
        !!f.controls?.length && [
          'Supports',
          <span className={classes.tags}>
            {f.controls.map((c) => (
              <Tag key={c}>{c.replace(':', ' ')}</Tag>
            ))}
          </span>,
        ],
        ['Id', <Copyable value={f.id} />],
      ]}
    />
  );
}

function Copyable({ value }: { value: string }) {
  return (
    <span style={{ display: 'inline-flex', alignItems: 'center', gap: 4 }}>
      <code className="mono">{value}</code>
      <CopyButton value={value} what="id" />
    </span>
  );
}

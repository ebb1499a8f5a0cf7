import { useParams } from 'wouter';
import { useGet } from '@/api/query';
import { Link } from '@/app/router';
import { Columns, Facts } from '@/components/Columns';
import { Page, Section } from '@/components/Page';
import { Block } from '@/components/Skeletons';
import { Failed, Notice } from '@/components/States';
import { Severity, Unknown, word } from '@/components/Words';
import { count, plural } from '@/lib/format';
import type { OwnerDetail } from './data';
import { Suggestions } from './Suggestions';

/** One owner: what they answer for, and who could take over where they left. */
export default function OwnerPage() {
  const id = decodeURIComponent(useParams<{ id: string }>().id);
  const { data: o, error, refetch } = useGet<OwnerDetail>(`/owners/${encodeURIComponent(id)}`);
  if (error) return <Failed what="The owner" error={error} retry={() => void refetch()} />;
  if (!o) {
    return (
      <Page title={id}>
        <Block height={280} />
      </Page>
    );
  }
  const all = `/identities?owner=${encodeURIComponent(o.id)}`;
  return (
    <Page title={o.title || o.id} lead={o.title ? `${o.kind ? word(o.kind) : ''} ${o.id}` : o.kind ? word(o.kind) : 'No directory that was scanned knows the name.'}>
      {o.left && <Notice tone="critical">The directory says that they are no longer there. What they answered for needs somebody else.</Notice>}
      <Columns
        side={
          <Facts
            rows={[
              !!o.teams?.length && ['Teams', o.teams.join(', ')],
              !!o.manager && ['Led by', <Link to={`/owners/of/${encodeURIComponent(o.manager)}`}>{o.manager}</Link>],
              ['Backup for', plural(o.backupFor, ['identity', 'identities'])],
              !!o.rules?.length && ['Named by', <Link to="/owners/rules">{plural(o.rules.length, ['ownership rule', 'ownership rules'])}</Link>],
            ]}
          />
        }
      >
        <Section title="What they answer for" id="what">
          <Facts
            rows={[
              ['Identities', <Link to={all}>{count(o.identities)}</Link>],
              ['Assigned by a person', count(o.explicit)],
              ['Privileged', <Link to={`${all}&privileged=true`}>{count(o.privileged)}</Link>],
              ['Without a review ahead', count(o.unreviewed)],
            ]}
          />
        </Section>
        <Section title="Open findings about it" id="findings">
          {['critical', 'high', 'medium', 'low'].every((s) => !o.findings?.[s]) ? (
            <Unknown>none</Unknown>
          ) : (
            <div style={{ display: 'flex', flexWrap: 'wrap', gap: '6px 24px' }}>
              {['critical', 'high', 'medium', 'low'].map(
                (s) =>
                  !!o.findings?.[s] && (
                    <Link key={s} to={`/findings?owner=${encodeURIComponent(o.id)}&severity=${s}`}>
                      {count(o.findings[s])} <Severity value={s} />
                    </Link>
                  ),
              )}
            </div>
          )}
        </Section>
        {o.left && (
          <Section title="Who could take over" id="successors">
            <Suggestions of={o.successors ?? []} />
          </Section>
        )}
      </Columns>
    </Page>
  );
}

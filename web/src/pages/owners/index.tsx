import { useGet } from '@/api/query';
import { Link } from '@/app/router';
import { Page } from '@/components/Page';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Empty, Failed, Notice } from '@/components/States';
import { Mark, Severity, Term, Unknown, word } from '@/components/Words';
import { count, plural, share } from '@/lib/format';
import type { Owner } from './data';
import { OwnerTabs } from './Tabs';

/** Everyone who answers for something, with what that is. */
export default function OwnersPage() {
  const { data, error, refetch } = useGet<{ items: Owner[] | null }>('/owners');
  const all = data?.items ?? [];
  const nobody = all.find((o) => o.id === 'none');
  const owners = all.filter((o) => o.id !== 'none').sort((a, b) => b.identities - a.identities);
  const whole = all.reduce((sum, o) => sum + o.identities, 0);
  const left = owners.filter((o) => o.left);
  return (
    <Page title="Owners" lead="The people and teams who answer for identities.">
      <OwnerTabs at="/owners" />
      {error ? (
        <Failed what="The owners" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Block height={400} />
      ) : (
        <>
          {nobody && nobody.identities > 0 && (
            <Notice action={<Link to="/owners/queue">Find them owners</Link>}>
              {plural(nobody.identities, ['identity', 'identities'])} ({share(nobody.identities, whole)}) have nobody who answers for them.
            </Notice>
          )}
          {left.length > 0 && (
            <Notice tone="critical" action={<Link to="/owners/queue?reason=owner_left">Hand them over</Link>}>
              {plural(left.length, ['owner has', 'owners have'])} left, by the directory; what they answered for waits for somebody else.
            </Notice>
          )}
          <Simple
            label="Owners"
            rows={owners}
            id={(o) => o.id}
            empty={
              <Empty title="Nobody answers for anything yet">
                <p>
                  Begin with <Link to="/owners/rules">ownership rules</Link>: a few lines by account, namespace or tag settle most identities. The{' '}
                  <Link to="/owners/queue">queue</Link> suggests owners for the rest.
                </p>
              </Empty>
            }
            columns={[
              {
                name: 'owner',
                head: <Term of="owner">Owner</Term>,
                cell: (o) => (
                  <>
                    <Link to={`/owners/of/${encodeURIComponent(o.id)}`}>{o.title || o.id}</Link>{' '}
                    {o.left && (
                      <Mark tone="critical" sign="cross">
                        left
                      </Mark>
                    )}
                    <br />
                    <span className="muted">
                      {o.title ? o.id : ''} {o.kind ? word(o.kind) : 'no directory knows the name'}
                    </span>
                  </>
                ),
              },
              {
                name: 'identities',
                head: 'Identities',
                right: true,
                cell: (o) => <Link to={`/identities?owner=${encodeURIComponent(o.id)}`}>{count(o.identities)}</Link>,
              },
              { name: 'explicit', head: 'By a person', right: true, wide: true, cell: (o) => count(o.explicit) },
              { name: 'privileged', head: <Term of="privileged">Privileged</Term>, right: true, wide: true, cell: (o) => count(o.privileged) },
              { name: 'findings', head: 'Worst findings', cell: (o) => <Worst of={o} /> },
              { name: 'unreviewed', head: 'No review ahead', right: true, wide: true, cell: (o) => count(o.unreviewed) },
            ]}
          />
        </>
      )}
    </Page>
  );
}

const order = ['critical', 'high', 'medium', 'low'];

/** How many open findings of the worst severity there are. */
export function Worst({ of }: { of: Owner }) {
  const worst = order.find((s) => (of.findings?.[s] ?? 0) > 0);
  if (!worst) return <Unknown>none</Unknown>;
  return (
    <Link to={`/findings?owner=${encodeURIComponent(of.id)}&severity=${worst}`}>
      {count(of.findings?.[worst] ?? 0)} <Severity value={worst} />
    </Link>
  );
}

import { useGet } from '@/api/query';
import type { Items, TrustRow } from '@/api/types';
import { Link } from '@/app/router';
import { word } from '@/lib/format';
import classes from './identity.module.css';
import { Empty, Failed, Mark, Rows, SimpleTable, Tag } from './parts';

/** Who can become it. */
export function Trusts({ path }: { path: string }) {
  const q = useGet<Items<TrustRow>>(`${path}/trusts`);
  if (!q.data) return q.error ? <Failed what="The list of trusts" error={q.error} retry={() => void q.refetch()} /> : <Rows count={4} />;
  const rows = q.data.items ?? [];
  if (rows.length === 0)
    return <Empty title="Nobody else can become it.">No source states a trust: it acts with its own credentials only, if it has any.</Empty>;
  return (
    <SimpleTable
      label="Who can become it"
      head={['In words', 'Who', 'Kind', 'Limits', 'Marks']}
      rows={rows.map((t) => [
        t.sentence,
        t.trusteeId ? (
          <Link key="l" to={`/identities/${t.trusteeId}`}>
            {t.name}
          </Link>
        ) : (
          t.name
        ),
        word(t.kind),
        (t.conditions ?? []).join(', ') || 'none',
        <span key="m" className={classes.marks}>
          {t.kind === 'anyone' && (
            <Mark tone="critical" sign="octagon">
              anyone
            </Mark>
          )}
          {t.thirdParty && <Tag>{t.vendor ? `third party: ${t.vendor}` : 'third party'}</Tag>}
          {t.thirdParty && t.kind === 'account' && !t.externalId && (
            <Mark tone="medium" sign="diamond">
              no external id
            </Mark>
          )}
          {!t.organizationKnown && t.kind === 'account' && <Tag>organisation not known</Tag>}
        </span>,
      ])}
    />
  );
}

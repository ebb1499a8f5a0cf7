import { useGet } from '@/api/query';
import type { Items, Place, PlacementRow } from '@/api/types';
import { Link } from '@/app/router';
import { middle, word } from '@/lib/format';
import classes from './identity.module.css';
import { Empty, Failed, Mark, Rows, SimpleTable, Tag, Time, Unknown } from './parts';

/** Where a place is, as a person writes it. */
export function placeWords(p: Place): string {
  const at = `${p.path}${p.field ? ` · ${p.field}` : ''}${p.line ? `:${p.line}` : ''}`;
  return p.container?.key ? `${middle(p.container.key, 40)} / ${at}` : at;
}

const exposures: Record<string, { tone: 'critical' | 'high' | 'medium' | 'good'; sign: 'octagon' | 'triangle' | 'diamond' | 'circle'; words: string }> = {
  public: { tone: 'critical', sign: 'octagon', words: 'anyone' },
  world: { tone: 'high', sign: 'triangle', words: 'everyone on the machine or in the organisation' },
  group: { tone: 'medium', sign: 'diamond', words: 'a group' },
  owner: { tone: 'good', sign: 'circle', words: 'its own account only' },
};

export function Readable({ exposure }: { exposure?: string | undefined }) {
  const e = exposure ? exposures[exposure] : undefined;
  return e ? (
    <Mark tone={e.tone} sign={e.sign}>
      {e.words}
    </Mark>
  ) : (
    <Unknown />
  );
}

/** Where its secrets lie. */
export function Placements({ path }: { path: string }) {
  const q = useGet<Items<PlacementRow>>(`${path}/placements`);
  if (!q.data) return q.error ? <Failed what="The list of places" error={q.error} retry={() => void q.refetch()} /> : <Rows count={4} />;
  const rows = q.data.items ?? [];
  if (rows.length === 0)
    return (
      <Empty title="No copy of its secrets was found.">
        In the places that your sources read, none holds a credential of this identity. Places that nobody scans are not known.
      </Empty>
    );
  return (
    <SimpleTable
      label="Where its secrets lie"
      head={['Place', 'Kind', 'Credential', 'Who can read it', 'Found by', 'Since']}
      rows={rows.map((p) => [
        <span key="p" className={classes.place}>
          <code className="mono">{placeWords(p.place)}</code>
          {p.reference && <Tag title="Only its name stands here, not its value">name only</Tag>}
          {p.historic && <Tag title="In the repository’s history, no longer in its head">in history</Tag>}
        </span>,
        word(p.place.kind),
        p.credential ? (
          <Link key="c" to={`/credentials/${p.credential}`}>
            {p.credentialName || 'credential'}
          </Link>
        ) : (
          (p.credentialName ?? '')
        ),
        <Readable key="e" exposure={p.exposure} />,
        p.detector ?? '',
        <Time key="t" at={p.at} />,
      ])}
    />
  );
}

import { useGet } from '@/api/query';
import { useCan } from '@/app/me';
import { Link } from '@/app/router';
import { Time } from '@/components/Time';
import { Unknown, word } from '@/components/Words';
import type { Finding } from './data';
import classes from './Past.module.css';

interface Entry {
  at: string;
  who: string;
  what: string;
  seq?: number;
}

interface Record {
  seq: number;
  at: string;
  actor: { kind: string; name: string };
  action: string;
  details?: { state?: string; reason?: string; assignee?: string };
}

/** What happened to a finding, the latest first: by the audit log where the caller may read it. */
export function Past({ finding: f }: { finding: Finding }) {
  const can = useCan();
  const read = can('audit.read');
  const records = useGet<{ items: Record[] }>(read ? '/records' : undefined, { subject: f.id, limit: 100 });
  const entries = records.data ? records.data.items.map(entryOf) : known(f);
  if (read && records.isPending) return <Unknown>Reading the audit log…</Unknown>;
  return (
    <>
      <ol className={classes.past}>
        {entries.map((e, i) => (
          <li key={i}>
            <Time at={e.at} />
            <span>
              {e.what}
              <span className="muted"> by {e.who}</span>
            </span>
            {e.seq !== undefined && <Link to={`/audit/${e.seq}`}>record {e.seq}</Link>}
          </li>
        ))}
      </ol>
      {!read && (
        <p className="muted" style={{ fontSize: 13 }}>
          Every decision stands in the audit log, which auditors can read.
        </p>
      )}
    </>
  );
}

function entryOf(r: Record): Entry {
  const what = [
    word(r.action.replace('finding.', '')),
    r.details?.state ? `to ${word(r.details.state)}` : '',
    r.details?.assignee ? `assigned to ${r.details.assignee}` : '',
    r.details?.reason ? `– ${r.details.reason}` : '',
  ]
    .filter(Boolean)
    .join(' ');
  return { at: r.at, who: r.actor.name || r.actor.kind, what: what.charAt(0).toUpperCase() + what.slice(1), seq: r.seq };
}

function known(f: Finding): Entry[] {
  const out: Entry[] = [];
  if (f.resolvedAt) out.push({ at: f.resolvedAt, who: 'a scan', what: 'Resolved' });
  if (f.accepted) out.push({ at: f.accepted.at, who: f.accepted.by, what: `Accepted – ${f.accepted.reason}` });
  if (f.firstSeen) out.push({ at: f.firstSeen, who: 'a scan', what: 'Opened' });
  return out;
}

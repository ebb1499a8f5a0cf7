import { Time } from '@/components/Time';
import { Unknown, word } from '@/components/Words';
import { date } from '@/lib/format';
import type { Finding, FindingVersion } from './data';
import classes from './Past.module.css';

/** The states that a finding had, the latest first, each with what made it so. */
export function Past({ finding: f }: { finding: Finding }) {
  const versions = f.versions ?? [];
  if (versions.length === 0) return <Unknown>It has been as it is since it was first seen.</Unknown>;
  return (
    <ol className={classes.past}>
      {versions.map((v, i) => (
        <li key={i}>
          <Time at={v.at} />
          <span>{words(v, versions[i + 1])}</span>
        </li>
      ))}
    </ol>
  );
}

function words(v: FindingVersion, before: FindingVersion | undefined): string {
  if (!before) return `Opened as ${v.severity}`;
  if (v.state === before.state && v.severity !== before.severity) return `Severity ${before.severity} became ${v.severity}`;
  if (v.state === 'accepted' && v.accepted) return `Accepted by ${v.accepted.by} until ${date(v.accepted.until)}: ${v.accepted.reason}`;
  if (v.state === before.state) return 'Particulars changed';
  return word(v.state).replace(/^./, (c) => c.toUpperCase());
}

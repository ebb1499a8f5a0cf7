import type { UsageBlindSpot } from '@/api/types';
import { sentence } from '@/lib/format';
import classes from './usage.module.css';
import { windowText } from './words';

/** Blind spots as sentences, with what would take each away. */
export function Spots({ of }: { of: UsageBlindSpot[] }) {
  return (
    <ul className={classes.list}>
      {of.map((b, i) => (
        <li key={`${b.code} ${i}`}>
          {sentence(b.text)}
          <div className={classes.small}>
            <code className="mono">{b.code}</code>
            {windowText(b) && `, ${windowText(b) ?? ''}`}
            {b.raise && `; ${b.raise}`}
            {b.cost && ` (cost: ${b.cost})`}
          </div>
        </li>
      ))}
    </ul>
  );
}

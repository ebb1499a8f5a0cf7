import type { UsageSignal } from '@/api/types';
import { Section } from '@/components/Page';
import { Time } from '@/components/Time';
import { Severity } from '@/components/Words';
import { plural, word } from '@/lib/format';
import { useMore } from './parts';
import classes from './usage.module.css';
import { signalText } from './words';

/** What is unusual about its use of the last 30 days. */
export function Signals({ of }: { of: UsageSignal[] }) {
  const [shown, more] = useMore(of, 8);
  return (
    <Section title="Unusual in the last 30 days" aside={of.length > 0 ? plural(of.length, ['signal', 'signals']) : undefined}>
      {of.length === 0 && <p className="muted">Nothing unusual, as far as the log shows.</p>}
      <ul className={classes.list}>
        {shown.map((s) => (
          <li key={s.fingerprint}>
            <Severity value={s.severity} /> {signalText(s)}
            <div className={classes.small}>
              {word(s.kind)}, <Time at={s.first} />
              {s.count > 1 && `, ${plural(s.count, ['event', 'events'])}`}
            </div>
          </li>
        ))}
      </ul>
      {more}
    </Section>
  );
}

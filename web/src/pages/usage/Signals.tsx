import { useGet } from '@/api/query';
import type { Items, NoticedSignal, UsageSignal } from '@/api/types';
import { Link } from '@/app/router';
import { Section } from '@/components/Page';
import { Time } from '@/components/Time';
import { Severity } from '@/components/Words';
import { plural, word } from '@/lib/format';
import { useMore } from './parts';
import classes from './usage.module.css';
import { signalText } from './words';

/** What is unusual about its use of the last 30 days, with the finding that tells of each and the events behind it. */
export function Signals({ of, path }: { of: UsageSignal[]; path: string }) {
  const [shown, more] = useMore(of, 8);
  const noticed = useGet<Items<NoticedSignal>>(`${path}/signals`, { limit: 100 }, { retry: false });
  const findings = new Map((noticed.data?.items ?? []).flatMap((s) => (s.finding ? [[s.fingerprint, s.finding] as const] : [])));
  return (
    <Section title="Unusual in the last 30 days" aside={of.length > 0 ? plural(of.length, ['signal', 'signals']) : undefined}>
      {of.length === 0 && <p className="muted">Nothing unusual, as far as the log shows.</p>}
      <ul className={classes.list}>
        {shown.map((s) => {
          const finding = findings.get(s.fingerprint);
          return (
            <li key={s.fingerprint}>
              <Severity value={s.severity} /> {signalText(s)}
              <div className={classes.small}>
                {word(s.kind)}, <Time at={s.first} />
                {s.count > 1 && `, ${plural(s.count, ['event', 'events'])}`}
                {finding && (
                  <>
                    {' · '}
                    <Link to={`/findings/${finding}`} aria-label={`What to do about ${signalText(s)}`}>
                      What to do
                    </Link>
                    {' · '}
                    <Link to={`/usage/events?signal=${finding}`} aria-label={`The events behind ${signalText(s)}`}>
                      Events behind it
                    </Link>
                  </>
                )}
              </div>
            </li>
          );
        })}
      </ul>
      {more}
    </Section>
  );
}

import type { IdentityDetail } from '@/api/types';
import { evidence, Notice, Section, SimpleTable, Time, Usage } from './parts';
import { sentence, word } from '@/lib/format';
import classes from './identity.module.css';

/** Use: what discovery knows, and what it cannot know without a log. */
export function UseTab({ identity: d }: { identity: IdentityDetail }) {
  const uses = d.uses ?? [];
  return (
    <>
      <Notice tone="unknown">
        No usage source yet: no log of {d.source || 'this system'} is connected, so how often it acts, from where and on what is not
        known. What follows is what the system itself says.
      </Notice>
      <dl className={classes.facts2}>
        <div>
          <dt>Status</dt>
          <dd>
            <Usage value={d.use.status} />
          </dd>
        </div>
        <div>
          <dt>Evidence</dt>
          <dd>{evidence(d.use.grade)}</dd>
        </div>
        <div>
          <dt>Last used</dt>
          <dd>
            <Time at={d.use.lastUsed} />
          </dd>
        </div>
        <div>
          <dt>Exists since</dt>
          <dd>
            <Time at={d.createdAt} />
          </dd>
        </div>
      </dl>
      <p className="muted">{sentence(d.use.reason)}</p>
      {uses.length > 0 && (
        <Section title="What was observed">
          <SimpleTable
            label="Observations of use"
            head={['What', 'When', 'Action', 'On', 'By', 'Evidence']}
            rows={uses.map((u) => [
              word(u.meaning),
              u.never ? 'never' : <Time key="t" at={u.at} />,
              u.action ?? '',
              u.resource ?? '',
              u.consumer ?? '',
              evidence(u.grade),
            ])}
          />
        </Section>
      )}
    </>
  );
}

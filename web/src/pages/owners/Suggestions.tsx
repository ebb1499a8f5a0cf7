import { Button } from '@mantine/core';
import { Time } from '@/components/Time';
import { Mark, Unknown, word } from '@/components/Words';
import type { Suggestion } from './data';
import classes from './owners.module.css';

const tones = {
  high: { tone: 'good', sign: 'full' },
  medium: { tone: 'low', sign: 'half' },
  low: { tone: 'unknown', sign: 'ring' },
} as const;

/** How sure a suggestion is. It is no probability. */
export function Confidence({ value }: { value: string }) {
  const t = tones[value as keyof typeof tones] ?? tones.low;
  return (
    <Mark tone={t.tone} sign={t.sign}>
      {value} confidence
    </Mark>
  );
}

interface Props {
  of: Suggestion[];
  onAssign?: ((owner: string) => void) | undefined;
  onDeny?: ((owner: string) => void) | undefined;
}

/** Who might be the owner, with the evidence behind each. */
export function Suggestions({ of, onAssign, onDeny }: Props) {
  if (of.length === 0) {
    return <Unknown>Nothing points to anybody: no tag, no CODEOWNERS entry, no creator, no last deployer was seen.</Unknown>;
  }
  return (
    <ul className={classes.suggestions}>
      {of.map((s) => (
        <li key={s.owner} className={classes.suggestion}>
          <div className={classes.suggestionHead}>
            <span>
              <strong>{s.title || s.owner}</strong> <span className="muted">{[s.title && s.owner, s.kind && word(s.kind)].filter(Boolean).join(' · ')}</span>
            </span>
            <Confidence value={s.confidence} />
            {onAssign && (
              <Button size="compact-xs" onClick={() => onAssign(s.owner)}>
                Assign {s.owner}
              </Button>
            )}
            {onDeny && (
              <Button size="compact-xs" variant="default" onClick={() => onDeny(s.owner)} aria-label={`It is not ${s.owner}`}>
                Not theirs
              </Button>
            )}
          </div>
          <p style={{ margin: '4px 0 0', fontSize: 13 }}>{s.summary}</p>
          <ul className={classes.evidence}>
            {(s.evidence ?? []).map((e, i) => (
              <li key={i}>
                {e.text}
                {e.quote && <span className={classes.quote}> “{e.quote}”</span>}
                {e.at && (
                  <>
                    {' '}
                    <Time at={e.at} />
                  </>
                )}
              </li>
            ))}
          </ul>
        </li>
      ))}
    </ul>
  );
}

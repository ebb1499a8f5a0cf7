import { Checkbox, Radio, TagsInput } from '@mantine/core';
import type { ReactNode } from 'react';
import classes from './Scope.module.css';

/** The part of the inventory in which a role or token holds (store.RowScope). */
export interface RowScope {
  all?: boolean;
  sources?: string[];
  units?: string[];
  tags?: string[];
  teams?: string[];
  owners?: string[];
}

type Part = 'sources' | 'units' | 'tags' | 'teams' | 'owners';

const parts: { name: Part; label: string; one: string; why: string; placeholder: string }[] = [
  { name: 'sources', label: 'Sources', one: 'source', why: 'Names of sources, with all that they state.', placeholder: 'aws-prod' },
  {
    name: 'units',
    label: 'Units',
    one: 'unit',
    why: 'Ids of accounts, projects, namespaces or organisations, with all inside them.',
    placeholder: 'ctn_…',
  },
  { name: 'tags', label: 'Tags', one: 'tag', why: 'Labels that sources state, as key=value.', placeholder: 'team=payments' },
  { name: 'teams', label: 'Teams', one: 'team', why: 'What is registered to these teams.', placeholder: '@payments' },
  { name: 'owners', label: 'Owners', one: 'owner', why: 'What is registered to these people.', placeholder: 'ana@example.com' },
];

/** Whether a scope lets anything be seen. */
export function scopeEmpty(scope: RowScope): boolean {
  return !scope.all && parts.every((p) => !scope[p.name]?.length);
}

/** A scope in words: "everything", "source aws-prod; team @payments". */
export function scopeWords(scope: RowScope | undefined, own?: boolean): string {
  if (scope?.all) return 'everything';
  const words = parts.flatMap((p) => {
    const values = scope?.[p.name] ?? [];
    return values.length ? [`${p.one}${values.length > 1 ? 's' : ''} ${values.join(', ')}`] : [];
  });
  if (own) words.unshift('their own');
  return words.length ? words.join('; ') : 'nothing';
}

interface ScopeFieldProps {
  label: string;
  why?: ReactNode;
  value: RowScope;
  onChange: (scope: RowScope) => void;
  /** Offered where a role may hold for what is registered as the account's own. */
  own?: boolean;
  onOwn?: (own: boolean) => void;
  error?: string | undefined;
}

/** Chooses the part of the inventory that a role or token is for: all of it, or the sum of what is named. */
export function ScopeField({ label, why, value, onChange, own, onOwn, error }: ScopeFieldProps) {
  return (
    <fieldset className={classes.scope} aria-invalid={error ? true : undefined}>
      <legend>{label}</legend>
      {why && <p className={classes.why}>{why}</p>}
      <Radio.Group value={value.all ? 'all' : 'part'} onChange={(v) => onChange({ ...value, all: v === 'all' })}>
        <div className={classes.choices}>
          <Radio size="xs" value="all" label="The whole inventory" />
          <Radio size="xs" value="part" label="A part of it" />
        </div>
      </Radio.Group>
      {!value.all && (
        <div className={classes.parts}>
          {onOwn && (
            <Checkbox
              label="What they answer for"
              description="Whatever is registered to the account at the time."
              checked={own ?? false}
              onChange={(event) => onOwn(event.currentTarget.checked)}
            />
          )}
          {parts.map((p) => (
            <TagsInput
              key={p.name}
              size="xs"
              label={p.label}
              description={p.why}
              inputWrapperOrder={['label', 'input', 'description']}
              placeholder={value[p.name]?.length ? undefined : p.placeholder}
              value={value[p.name] ?? []}
              onChange={(next) => onChange({ ...value, [p.name]: next })}
            />
          ))}
        </div>
      )}
      {error && <p className={classes.error}>{error}</p>}
    </fieldset>
  );
}

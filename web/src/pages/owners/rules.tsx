import { ActionIcon, Button, Modal } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { IconArrowDown, IconArrowUp, IconPencil, IconTrash } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { request } from '@/api/client';
import { queries } from '@/api/query';
import { useCan } from '@/app/me';
import { Form, Refused, TextField, useFields, WordsField } from '@/components/Form';
import { Page } from '@/components/Page';
import { Block } from '@/components/Skeletons';
import { Empty, Failed } from '@/components/States';
import { useToasts } from '@/components/Toasts';
import { count, plural } from '@/lib/format';
import { fields, matchWords, type Match, type Preview, type Rule, type RuleEffect, type RuleSet } from './data';
import classes from './owners.module.css';
import { OwnerTabs } from './Tabs';

const identities = ['identity', 'identities'] as const;
const key = ['/ownership-rules'];

/** The ordered rules that give identities their owners. They are changed as a draft whose effect is shown before it holds. */
export default function OwnershipRulesPage() {
  const kept = useQuery({ queryKey: key, queryFn: () => request<RuleSet>('GET', '/ownership-rules') });
  return (
    <Page
      title="Ownership rules"
      lead="The first rule that matches an identity decides who answers for it. What a person assigned wins over every rule."
    >
      <OwnerTabs at="/owners/rules" />
      {kept.error ? (
        <Failed what="The ownership rules" error={kept.error} retry={() => void kept.refetch()} />
      ) : !kept.data ? (
        <Block height={300} />
      ) : (
        <Editor key={kept.data.etag ?? ''} kept={kept.data.data} etag={kept.data.etag} />
      )}
    </Page>
  );
}

type Editing = { at: number; rule: Rule } | undefined;

function Editor({ kept, etag }: { kept: RuleSet; etag: string | undefined }) {
  const can = useCan();
  const may = can('settings.manage') || can('inventory.edit');
  const toasts = useToasts();
  const [draft, setDraft] = useState<RuleSet>(kept);
  const [editing, setEditing] = useState<Editing>();
  const [fallback, setFallback] = useState(false);
  const [problem, setProblem] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const rules = draft.rules ?? [];
  const changed = JSON.stringify(draft) !== JSON.stringify(kept);
  const preview = usePreview(draft);

  const set = (next: Rule[]) => setDraft((d) => ({ ...d, rules: next }));
  const move = (i: number, by: number) => {
    const next = [...rules];
    const [one] = next.splice(i, 1);
    if (one) next.splice(i + by, 0, one);
    set(next);
  };

  async function save() {
    setBusy(true);
    setProblem(undefined);
    try {
      await request('PUT', '/ownership-rules', { body: draft, ...(etag && { etag }) });
      await queries.invalidateQueries();
      toasts.say('The rules are in force. Identities get their owners within a minute.');
    } catch (error) {
      setProblem(error);
    } finally {
      setBusy(false);
    }
  }

  return (
    <>
      {rules.length === 0 && (
        <Empty
          title="No ownership rules yet"
          action={may && <Button onClick={() => setEditing({ at: 0, rule: { match: {}, owner: '' } })}>Add the first rule</Button>}
        >
          A rule gives everything in an account, namespace, repository or with a tag to a team, so that nothing falls between two of them.
        </Empty>
      )}
      {rules.length > 0 && (
        <ol className={classes.rules}>
          {rules.map((r, i) => (
            <li key={r.id ?? `new-${i}`} className={classes.rule}>
              <span className={classes.place}>{i + 1}</span>
              <span>
                {r.title && (
                  <>
                    <span className={classes.title}>{r.title}</span>
                    <br />
                  </>
                )}
                {matchWords(r.match)}
                <br />
                <EffectWords effect={preview.result?.rules?.[i]} />
              </span>
              <span>
                <strong>{r.owner}</strong>
                {r.backup && <span className="muted">, backup {r.backup}</span>}
              </span>
              {may && (
                <span className={classes.buttons}>
                  <ActionIcon aria-label={`Move rule ${i + 1} up`} disabled={i === 0} onClick={() => move(i, -1)}>
                    <IconArrowUp size={15} />
                  </ActionIcon>
                  <ActionIcon aria-label={`Move rule ${i + 1} down`} disabled={i === rules.length - 1} onClick={() => move(i, 1)}>
                    <IconArrowDown size={15} />
                  </ActionIcon>
                  <ActionIcon aria-label={`Change rule ${i + 1}`} onClick={() => setEditing({ at: i, rule: r })}>
                    <IconPencil size={15} />
                  </ActionIcon>
                  <ActionIcon aria-label={`Take rule ${i + 1} out`} onClick={() => set(rules.filter((_, j) => j !== i))}>
                    <IconTrash size={15} />
                  </ActionIcon>
                </span>
              )}
            </li>
          ))}
          <li className={classes.rule}>
            <span />
            <span>
              <span className={classes.title}>Everything else</span>
              <br />
              <EffectWords effect={preview.result?.fallback} />
            </span>
            <span>{draft.fallback?.owner ? <strong>{draft.fallback.owner}</strong> : <span className="muted">nobody</span>}</span>
            {may && (
              <span className={classes.buttons}>
                <ActionIcon aria-label="Change who answers for everything else" onClick={() => setFallback(true)}>
                  <IconPencil size={15} />
                </ActionIcon>
              </span>
            )}
          </li>
        </ol>
      )}
      {problem !== undefined && <Refused problem={problem} what="The rules were not put in force" />}
      {may && (
        <div className={classes.bar}>
          <p role="status">
            {preview.problem !== undefined ? (
              <Refused problem={preview.problem} />
            ) : preview.result ? (
              <Sum preview={preview.result} changed={changed} />
            ) : (
              'Counting what the rules settle…'
            )}
          </p>
          {rules.length > 0 && (
            <Button variant="default" onClick={() => setEditing({ at: rules.length, rule: { match: {}, owner: '' } })}>
              Add rule
            </Button>
          )}
          {changed && (
            <Button variant="default" onClick={() => setDraft(kept)}>
              Discard changes
            </Button>
          )}
          <Button disabled={!changed} onClick={() => void save()} aria-disabled={busy || undefined}>
            {busy ? 'Putting in force…' : 'Put in force'}
          </Button>
        </div>
      )}
      <Modal
        opened={editing !== undefined}
        onClose={() => setEditing(undefined)}
        title={editing && editing.at < rules.length ? `Rule ${editing.at + 1}` : 'New rule'}
        size="lg"
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {editing && (
          <RuleForm
            rule={editing.rule}
            onCancel={() => setEditing(undefined)}
            onDone={(r) => {
              const next = [...rules];
              next[editing.at] = r;
              set(next);
              setEditing(undefined);
            }}
          />
        )}
      </Modal>
      <Modal opened={fallback} onClose={() => setFallback(false)} title="Everything else" closeButtonProps={{ 'aria-label': 'Close' }}>
        <FallbackForm
          owner={draft.fallback?.owner ?? ''}
          onCancel={() => setFallback(false)}
          onDone={(owner) => {
            setDraft((d) => ({ rules: d.rules, ...(owner && { fallback: { owner } }) }));
            setFallback(false);
          }}
        />
      </Modal>
    </>
  );
}

function EffectWords({ effect: e }: { effect: RuleEffect | undefined }) {
  if (!e) return <span className={classes.effect}>…</span>;
  return (
    <span className={classes.effect}>
      settles <strong>{count(e.settles)}</strong>
      {e.changes > 0 && `, ${count(e.changes)} of them anew`}
      {e.explicit > 0 && `; ${count(e.explicit)} a person assigned`}
      {e.earlier > 0 && `; ${count(e.earlier)} an earlier rule settles`}
    </span>
  );
}

function Sum({ preview: p, changed }: { preview: Preview; changed: boolean }) {
  return (
    <>
      Of {plural(p.identities, identities)}, {count(p.explicit)} by a person, {count(p.identities - p.explicit - p.unowned)} by rules,{' '}
      <strong>{count(p.unowned)}</strong> by nobody.{changed && ` Putting it in force changes the owner of ${plural(p.changes, identities)}.`}
    </>
  );
}

function usePreview(set: RuleSet) {
  const [result, setResult] = useState<Preview>();
  const [problem, setProblem] = useState<unknown>();
  const text = JSON.stringify(set);
  useEffect(() => {
    let current = true;
    const timer = setTimeout(() => {
      request<Preview>('POST', '/ownership-rules/preview', { body: JSON.parse(text) }).then(
        ({ data }) => {
          if (!current) return;
          setResult(data);
          setProblem(undefined);
        },
        (error: unknown) => {
          if (current) setProblem(error);
        },
      );
    }, 250);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [text]);
  return { result, problem };
}

type RuleValues = Required<Match> & { title: string; owner: string; backup: string };

function RuleForm({ rule, onDone, onCancel }: { rule: Rule; onDone: (rule: Rule) => void; onCancel: () => void }) {
  const [all, setAll] = useState(fields.some((f, i) => i > 4 && rule.match[f.name]?.length));
  const form = useFields<RuleValues>({
    initial: {
      ...(Object.fromEntries(fields.map((f) => [f.name, rule.match[f.name] ?? []])) as unknown as Required<Match>),
      title: rule.title ?? '',
      owner: rule.owner,
      backup: rule.backup ?? '',
    },
    check: (v) => ({
      ...(!v.owner.trim() && { owner: 'Name a person by e-mail address, or a team as @team.' }),
      ...(fields.every((f) => v[f.name].length === 0) && { accounts: 'Fill in at least one of these; press Enter after each value.' }),
    }),
    send: async (v) => {
      const match = Object.fromEntries(fields.filter((f) => v[f.name].length > 0).map((f) => [f.name, v[f.name]]));
      onDone({
        ...(rule.id && { id: rule.id }),
        ...(v.title.trim() && { title: v.title.trim() }),
        match,
        owner: v.owner.trim(),
        ...(v.backup.trim() && { backup: v.backup.trim() }),
      });
    },
  });
  const shown = all ? fields : fields.slice(0, 5);
  return (
    <Form of={form} button="Keep in the draft" onCancel={onCancel}>
      <TextField of={form} name="owner" label="Owner" why="A person's e-mail address, or a team as @team." autoFocus />
      <TextField of={form} name="backup" label="Backup" optional />
      <p className="muted" style={{ margin: 0, fontSize: 13 }}>
        It holds where every field that is filled in matches. * stands for anything. Several values of one field are alternatives.
      </p>
      {shown.map((f) => (
        <WordsField key={f.name} of={form} name={f.name} label={f.label} why={f.why} placeholder={f.placeholder} optional />
      ))}
      {!all && (
        <Button variant="subtle" onClick={() => setAll(true)} style={{ alignSelf: 'flex-start' }}>
          More fields
        </Button>
      )}
      <TextField of={form} name="title" label="Note" optional why="Why the rule is there, for whoever reads the list." />
    </Form>
  );
}

function FallbackForm({ owner, onDone, onCancel }: { owner: string; onDone: (owner: string) => void; onCancel: () => void }) {
  const form = useFields({ initial: { owner }, send: async (v) => onDone(v.owner.trim()) });
  return (
    <Form of={form} button="Keep in the draft" onCancel={onCancel}>
      <TextField of={form} name="owner" label="Owner" optional why="Who answers for what no rule matches. Empty: nobody, and it waits in the queue." autoFocus />
    </Form>
  );
}

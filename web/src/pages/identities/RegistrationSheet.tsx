import { Button, Modal, Select, Stack, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { request } from '@/api/client';
import { Problem } from '@/api/problem';
import { queries } from '@/api/query';
import type { IdentityDetail, Registration } from '@/api/types';
import { useToasts } from '@/components/Toasts';
import { toDate, Word } from '@/lib/format';

type Fields = Omit<Registration, 'entity' | 'class' | 'classReason'>;

const environments = ['production', 'staging', 'test', 'development', 'sandbox', 'shared'];
const criticalities = ['critical', 'high', 'medium', 'low'];
const options = (values: string[]) => values.map((value) => ({ value, label: Word(value) }));

/** A date as its field holds it. */
const dayOf = (value: string | undefined) => toDate(value)?.toISOString().slice(0, 10) ?? '';

/** Edits what the organisation says of an identity. */
export function RegistrationSheet({ identity, only, close }: { identity: IdentityDetail; only: 'owner' | undefined; close: () => void }) {
  const r = identity.registration;
  const candidates = [...new Set((identity.ownerSignals ?? []).map((s) => s.candidate))];
  const [values, setValues] = useState<Fields>({
    owner: r?.owner ?? identity.owner ?? (only ? candidates[0] : undefined) ?? '',
    backupOwner: r?.backupOwner ?? '',
    purpose: r?.purpose ?? '',
    application: r?.application ?? '',
    environment: r?.environment ?? '',
    criticality: r?.criticality ?? '',
    dataClass: r?.dataClass ?? '',
    endDate: dayOf(r?.endDate),
    reviewDate: dayOf(r?.reviewDate),
  });
  const [problem, setProblem] = useState<Problem | undefined>();
  const [busy, setBusy] = useState(false);
  const toasts = useToasts();
  const name = identity.name || identity.key;
  const set = (field: keyof Fields) => (value: string | null) => setValues((v) => ({ ...v, [field]: value ?? '' }));
  const wrong = (field: keyof Fields) => problem?.fields[field];

  async function save() {
    setBusy(true);
    setProblem(undefined);
    const before: Fields = { ...r };
    const body: Record<string, string> = {};
    for (const [field, value] of Object.entries(values) as [keyof Fields, string][]) {
      if (only && field !== 'owner') continue;
      const isDay = field === 'endDate' || field === 'reviewDate';
      const old = isDay ? dayOf(before[field]) : (before[field] ?? '');
      if (value.trim() === old) continue;
      body[field] = value.trim();
    }
    try {
      const path = `/identities/${encodeURIComponent(identity.id)}/registration`;
      const kept = await request<Registration>('GET', path);
      await request('PATCH', path, { body, ...(kept.etag && { etag: kept.etag }) });
      await queries.invalidateQueries();
      toasts.say(only ? `${values.owner} now answers for ${name}.` : `The registration of ${name} is changed.`, {
        undo: async () => {
          const old = Object.fromEntries(
            Object.keys(body).map((f) => {
              const field = f as keyof Fields;
              return [f, field === 'endDate' || field === 'reviewDate' ? dayOf(kept.data[field]) : (kept.data[field] ?? '')];
            }),
          );
          await request('PATCH', path, { body: old });
          await queries.invalidateQueries();
        },
      });
      close();
    } catch (error) {
      setProblem(Problem.of(error));
    } finally {
      setBusy(false);
    }
  }

  return (
    <Modal opened onClose={close} title={only ? `Who answers for ${name}` : `Registration of ${name}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <Stack gap="md">
          <div>
            <TextInput
              label="Owner"
              description="The person or team who answers for it. They are told of its findings."
              value={values.owner ?? ''}
              error={wrong('owner')}
              data-autofocus
              onChange={(e) => set('owner')(e.currentTarget.value)}
            />
            {candidates.length > 0 && (
              <div style={{ display: 'flex', flexWrap: 'wrap', gap: 6, marginTop: 6, alignItems: 'center', fontSize: 13 }}>
                <span className="muted">Suggested:</span>
                {candidates.slice(0, 4).map((c) => (
                  <Button key={c} variant="default" size="compact-xs" onClick={() => set('owner')(c)}>
                    {c}
                  </Button>
                ))}
              </div>
            )}
          </div>
          {!only && (
            <>
              <TextInput
                label="In their absence"
                description="Who is asked when the owner does not answer."
                value={values.backupOwner ?? ''}
                error={wrong('backupOwner')}
                onChange={(e) => set('backupOwner')(e.currentTarget.value)}
              />
              <Textarea
                label="Purpose"
                description="One sentence: what it is for. Whoever reviews it decides by this."
                value={values.purpose ?? ''}
                error={wrong('purpose')}
                onChange={(e) => set('purpose')(e.currentTarget.value)}
              />
              <TextInput
                label="Application"
                description="The business application that it belongs to."
                value={values.application ?? ''}
                error={wrong('application')}
                onChange={(e) => set('application')(e.currentTarget.value)}
              />
              <Select
                label="Environment"
                description="Where it is used. Weighs in the priority of its findings."
                clearable
                data={options(environments)}
                value={values.environment || null}
                error={wrong('environment')}
                onChange={set('environment')}
              />
              <Select
                label="Criticality"
                description="How much depends on it."
                clearable
                data={options(criticalities)}
                value={values.criticality || null}
                error={wrong('criticality')}
                onChange={set('criticality')}
              />
              <TextInput
                label="Data class"
                description="The most sensitive data that it reaches, in your own terms."
                value={values.dataClass ?? ''}
                error={wrong('dataClass')}
                onChange={(e) => set('dataClass')(e.currentTarget.value)}
              />
              <TextInput
                type="date"
                label="End date"
                description="When it is no longer needed. Required for temporary identities."
                value={values.endDate ?? ''}
                error={wrong('endDate')}
                onChange={(e) => set('endDate')(e.currentTarget.value)}
              />
              <TextInput
                type="date"
                label="Next review"
                description="When somebody looks at it again."
                value={values.reviewDate ?? ''}
                error={wrong('reviewDate')}
                onChange={(e) => set('reviewDate')(e.currentTarget.value)}
              />
            </>
          )}
          {problem && (
            <p role="alert" style={{ margin: 0, color: 'var(--rt-critical)' }}>
              {problem.text} Nothing was changed. {problem.hint}
            </p>
          )}
          <div style={{ display: 'flex', gap: 8, justifyContent: 'flex-end' }}>
            <Button variant="default" onClick={close}>
              Leave it
            </Button>
            <Button type="submit" loading={busy} disabled={Boolean(only) && !values.owner?.trim()}>
              {only ? 'Assign' : 'Save'}
            </Button>
          </div>
        </Stack>
      </form>
    </Modal>
  );
}

import { Button, Checkbox, Modal, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { request } from '@/api/client';
import { queries } from '@/api/query';
import type { ListRow } from '@/api/types';
import { Failed, Notice } from '@/components/States';
import { useToasts } from '@/components/Toasts';
import { count, plural } from '@/lib/format';
import type { BulkAction, BulkContext, Selection } from '@/list';

/** What the server would do, and after it was done how it is taken back. */
interface Answer {
  changed: number;
  unchanged: number;
  skipped: number;
  fromPerson: number;
  owner: string;
  known: boolean;
  undo?: string;
}

/** What an assignment by filter may be narrowed by. */
const narrowed = new Set(['source', 'kind', 'environment', 'criticality', 'owner', 'unit', 'tag', 'severity', 'text']);

/** The selection as the server takes it, or why it cannot. */
function subject(s: Selection): { body?: object; wrong?: string } {
  if (!s.all) return s.ids.length > 1000 ? { wrong: 'At most 1,000 can be chosen by name at once.' } : { body: { ids: s.ids } };
  const other = Object.keys(s.all).filter((k) => !narrowed.has(k));
  if (other.length > 0)
    return { wrong: `Everything that matches cannot be assigned while the list is filtered by ${other.join(', ').replaceAll('_', ' ')}. Choose rows of the page instead.` };
  const { severity, text, ...lists } = s.all;
  return { body: { filter: { ...lists, ...(severity && { severity: severity[0] }), ...(text && { text: text[0] }) } } };
}

/** Gives the chosen identities an owner: shows to how many, does it, and offers to take it back. */
export const assignOwner: BulkAction<ListRow> = {
  id: 'owner',
  label: 'Assign owner',
  permission: 'inventory.edit',
  key: 'o',
  sheet: (context) => <Sheet {...context} />,
};

const many = ['identity', 'identities'] as const;

function Sheet({ selection, close, done }: BulkContext<ListRow>) {
  const [owner, setOwner] = useState('');
  const [onlyUnowned, setOnlyUnowned] = useState(false);
  const [preview, setPreview] = useState<Answer | undefined>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const toasts = useToasts();
  const name = owner.trim();
  const { body, wrong } = subject(selection);

  async function send(dryRun: boolean) {
    setBusy(true);
    setError(undefined);
    try {
      const expect = preview && selection.all ? preview.changed + preview.unchanged + preview.skipped : undefined;
      const { data } = await request<Answer>('POST', '/identities/owner', {
        body: { ...body, owner: name, onlyUnowned, dryRun, ...(expect !== undefined && { expect }) },
        idempotent: true,
      });
      if (dryRun) {
        setPreview(data);
        return;
      }
      const token = data.undo;
      toasts.say(`${data.owner || name} now answers for ${plural(data.changed, many)}.`, {
        ...(token && {
          undo: async () => {
            await request('POST', `/undo/${encodeURIComponent(token)}`, { idempotent: true });
            await queries.invalidateQueries();
          },
        }),
      });
      done();
    } catch (e) {
      setError(e);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Modal opened onClose={close} title={`Assign an owner to ${plural(selection.count, many)}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!wrong) void send(!preview);
        }}
      >
        <Stack gap="md">
          {wrong && <Notice>{wrong}</Notice>}
          <TextInput
            label="Owner"
            description="A person’s e-mail address, or a team such as @payments. They are told of findings on what they own."
            value={owner}
            data-autofocus
            required
            maxLength={320}
            onChange={(event) => {
              setOwner(event.currentTarget.value);
              setPreview(undefined);
            }}
          />
          <Checkbox
            label="Leave alone what somebody answers for already"
            checked={onlyUnowned}
            onChange={(event) => {
              setOnlyUnowned(event.currentTarget.checked);
              setPreview(undefined);
            }}
          />
          <div aria-live="polite">
            {preview && (
              <>
                <p style={{ margin: 0 }}>
                  <strong>{preview.owner || name}</strong> will answer for {plural(preview.changed, many)}.
                  {preview.unchanged > 0 && ` ${count(preview.unchanged)} have that owner already.`}
                  {preview.skipped > 0 && ` ${count(preview.skipped)} are left alone.`}
                  {preview.fromPerson > 0 && ` ${count(preview.fromPerson)} had been assigned to somebody else by a person.`}
                </p>
                {!preview.known && <p className="muted" style={{ margin: '4px 0 0' }}>No directory knows this name. Check its spelling.</p>}
              </>
            )}
          </div>
          {error !== undefined && <Failed what="The assignment" error={error} />}
          <div style={{ display: 'flex', gap: 8, justifyContent: 'flex-end' }}>
            <Button variant="default" onClick={close}>
              Leave it
            </Button>
            <Button type="submit" loading={busy} disabled={!name || Boolean(wrong) || preview?.changed === 0}>
              {preview ? `Assign to ${plural(preview.changed, many)}` : 'See what changes'}
            </Button>
          </div>
        </Stack>
      </form>
    </Modal>
  );
}

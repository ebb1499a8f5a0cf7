import { Button, Modal } from '@mantine/core';
import { useState } from 'react';
import { Form, TextField, useFields } from '@/components/Form';

interface Props {
  reason: string;
  set: (reason: string) => void;
}

/** Shows people by their names, for a reason that goes on record, and hides them again. */
export function People({ reason, set }: Props) {
  const [asking, setAsking] = useState(false);
  if (reason) {
    return (
      <Button variant="default" onClick={() => set('')}>
        Hide people’s names
      </Button>
    );
  }
  return (
    <>
      <Button variant="default" onClick={() => setAsking(true)}>
        Show people’s names…
      </Button>
      {asking && (
        <Ask
          close={() => setAsking(false)}
          give={(why) => {
            set(why);
            setAsking(false);
          }}
        />
      )}
    </>
  );
}

function Ask({ close, give }: { close: () => void; give: (reason: string) => void }) {
  const form = useFields({
    initial: { reason: '' },
    check: (v) => ({ ...(v.reason.trim().length < 5 && { reason: 'Say why they are needed, in five letters or more.' }) }),
    send: (v) => Promise.resolve(give(v.reason.trim())),
  });
  return (
    <Modal opened onClose={close} title="Show people’s names" closeButtonProps={{ 'aria-label': 'Close' }}>
      <p className="muted">Names and addresses of people, and the records of entries that were not understood. Who asked, for which events, whose names are shown and why goes on record, for each page that is looked at.</p>
      <Form of={form} button="Show them" onCancel={close}>
        <TextField of={form} name="reason" label="Why they are needed" rows={2} maxLength={500} autoFocus />
      </Form>
    </Modal>
  );
}

import { Button, Modal } from '@mantine/core';
import { IconFingerprint } from '@tabler/icons-react';
import { useState } from 'react';
import { Form, Refused, useFields } from '@/components/Form';
import { confirmCode, confirmPasskey } from './api';
import classes from './Bare.module.css';
import { CodeInput, codeWrong } from './SignInForm';
import { passkeyProblem, passkeysSupported } from './webauthn';

/** Asks for the second factor again, before something sensitive. */
export function ConfirmFactor({ opened, onAnswer }: { opened: boolean; onAnswer: (given: boolean) => void }) {
  return (
    <Modal
      opened={opened}
      onClose={() => onAnswer(false)}
      title="Confirm that it is you"
      closeButtonProps={{ 'aria-label': 'Close' }}
      zIndex={400}
    >
      {opened && <Ask onAnswer={onAnswer} />}
    </Modal>
  );
}

function Ask({ onAnswer }: { onAnswer: (given: boolean) => void }) {
  const [problem, setProblem] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const form = useFields({
    initial: { code: '' },
    check: (v) => (codeWrong(v.code, false) ? { code: codeWrong(v.code, false) } : {}),
    send: async (v) => {
      await confirmCode(v.code.replace(/\s/g, ''));
      onAnswer(true);
    },
  });
  async function passkey() {
    setBusy(true);
    setProblem(undefined);
    try {
      await confirmPasskey();
      onAnswer(true);
    } catch (error) {
      setProblem(error instanceof DOMException ? new Error(passkeyProblem(error)) : error);
    } finally {
      setBusy(false);
    }
  }
  return (
    <>
      <p className="muted" style={{ marginTop: 0 }}>
        What you are about to do is sensitive, so your second factor is asked for again. It then holds for ten minutes.
      </p>
      {passkeysSupported() && (
        <>
          <Button
            fullWidth
            size="sm"
            variant="default"
            leftSection={<IconFingerprint size={16} />}
            onClick={() => void passkey()}
            aria-disabled={busy || undefined}
          >
            {busy ? 'Waiting for your passkey…' : 'Use a passkey'}
          </Button>
          {problem !== undefined && <Refused problem={problem} />}
          <div className={classes.or}>or</div>
        </>
      )}
      <Form of={form} button="Confirm" doing="Checking…" onCancel={() => onAnswer(false)} label="Second factor">
        <CodeInput form={form} recovery={false} />
      </Form>
    </>
  );
}

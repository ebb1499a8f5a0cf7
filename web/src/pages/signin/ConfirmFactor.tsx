import { Button, Modal } from '@mantine/core';
import { IconFingerprint } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Form, Refused, SecretField, useFields } from '@/components/Form';
import { Block } from '@/components/Skeletons';
import { confirmCode, confirmPasskey, confirmPassword, factors, methods, startProvider } from './api';
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
  const mine = useQuery({ queryKey: ['/auth/factors'], queryFn: factors, staleTime: 60_000 });
  if (mine.error) return <Refused problem={mine.error} />;
  if (!mine.data) return <Block height={120} />;
  const { hasTotp, singleSignOn } = mine.data;
  const passkeys = (mine.data.passkeys ?? []).length > 0 && passkeysSupported();
  return (
    <>
      <p className="muted" style={{ marginTop: 0 }}>
        What you are about to do is sensitive, so {hasTotp || passkeys ? 'your second factor' : 'your password'} is asked for again. It then holds for ten minutes.
      </p>
      {passkeys && <Passkey onAnswer={onAnswer} />}
      {passkeys && hasTotp && <div className={classes.or}>or</div>}
      {hasTotp && <Code onAnswer={onAnswer} />}
      {!passkeys && !hasTotp && !singleSignOn && <Password onAnswer={onAnswer} />}
      {!hasTotp && singleSignOn && <Providers />}
    </>
  );
}

function Passkey({ onAnswer }: { onAnswer: (given: boolean) => void }) {
  const [problem, setProblem] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  async function run() {
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
    <div className={classes.stack}>
      <Button
        fullWidth
        size="sm"
        variant="default"
        leftSection={<IconFingerprint size={16} />}
        onClick={() => void run()}
        aria-disabled={busy || undefined}
        data-autofocus
      >
        {busy ? 'Waiting for your passkey…' : 'Use a passkey'}
      </Button>
      {problem !== undefined && <Refused problem={problem} />}
    </div>
  );
}

function Code({ onAnswer }: { onAnswer: (given: boolean) => void }) {
  const form = useFields({
    initial: { code: '' },
    check: (v) => (codeWrong(v.code, false) ? { code: codeWrong(v.code, false) } : {}),
    send: async (v) => {
      await confirmCode(v.code.replace(/\s/g, ''));
      onAnswer(true);
    },
  });
  return (
    <Form of={form} button="Confirm" doing="Checking…" onCancel={() => onAnswer(false)} label="Second factor">
      <CodeInput form={form} recovery={false} />
    </Form>
  );
}

function Password({ onAnswer }: { onAnswer: (given: boolean) => void }) {
  const form = useFields({
    initial: { password: '' },
    check: (v) => (v.password ? {} : { password: 'Write your password.' }),
    send: async (v) => {
      await confirmPassword(v.password);
      onAnswer(true);
    },
  });
  return (
    <Form of={form} button="Confirm" doing="Checking…" onCancel={() => onAnswer(false)} label="Password">
      <SecretField of={form} name="password" label="Password" autoComplete="current-password" autoFocus />
    </Form>
  );
}

/** Who signs in at a provider proves it there, and comes back to this page. */
function Providers() {
  const offered = useQuery({ queryKey: ['sign-in-methods'], queryFn: methods, staleTime: 60_000 });
  return (
    <div className={classes.stack}>
      <p style={{ margin: 0 }}>Confirm at your provider. You come back to this page; then repeat what you wanted to do.</p>
      {(offered.data?.providers ?? []).map((p) => (
        <Button key={p.id} fullWidth variant="default" onClick={() => void startProvider(p, window.location.pathname + window.location.search)}>
          Confirm at {p.name}
        </Button>
      ))}
    </div>
  );
}

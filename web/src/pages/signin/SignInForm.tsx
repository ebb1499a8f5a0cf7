import { Button } from '@mantine/core';
import { IconFingerprint } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Form, Refused, SecretField, TextField, useFields } from '@/components/Form';
import { Notice } from '@/components/States';
import { methods, signInCode, signInPasskey, signInPassword, startProvider, type Next } from './api';
import classes from './Bare.module.css';
import { passkeyProblem, passkeysSupported } from './webauthn';

interface Props {
  /** Called once somebody is signed in; with enrol, they have yet to set up a second factor. */
  onDone: (next: 'done' | 'enrol') => void;
  /** Where single sign-on returns to. */
  to: string;
  /** The login of the session that ended. */
  login?: string;
}

/** Signing in: a passkey, a password with a code, or single sign-on. */
export function SignInForm({ onDone, to, login }: Props) {
  const [step, setStep] = useState<'start' | 'code' | 'passkey'>('start');
  const offered = useQuery({ queryKey: ['sign-in-methods'], queryFn: methods, staleTime: 60_000 });

  function after(next: Next) {
    if (next === 'code' || next === 'passkey') setStep(next);
    else onDone(next);
  }

  if (step === 'code') return <Code onDone={after} onBack={() => setStep('start')} />;
  if (step === 'passkey') {
    return (
      <div className={classes.stack}>
        <p style={{ margin: 0 }}>Your account signs in with a passkey.</p>
        <PasskeyButton onDone={after} />
        <Button variant="default" fullWidth onClick={() => setStep('start')}>
          Back
        </Button>
      </div>
    );
  }
  const providers = offered.data?.providers ?? [];
  const passkeys = passkeysSupported();
  return (
    <>
      {offered.data?.setUp && (
        <Notice tone="low">Nobody has an account here yet. Open the link that the server printed when it started.</Notice>
      )}
      {(passkeys || providers.length > 0) && (
        <div className={classes.stack}>
          {passkeys && <PasskeyButton onDone={after} />}
          {providers.map((p) => (
            <Button key={p.id} size="sm" fullWidth variant="default" onClick={() => void startProvider(p, to)}>
              Continue with {p.name}
            </Button>
          ))}
        </div>
      )}
      {(passkeys || providers.length > 0) && <div className={classes.or}>or with a password</div>}
      <Password onDone={after} login={login} />
    </>
  );
}

function PasskeyButton({ onDone }: { onDone: (next: Next) => void }) {
  const [problem, setProblem] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  async function run() {
    setBusy(true);
    setProblem(undefined);
    try {
      onDone(await signInPasskey());
    } catch (error) {
      setProblem(error instanceof DOMException ? new Error(passkeyProblem(error)) : error);
    } finally {
      setBusy(false);
    }
  }
  return (
    <>
      <Button
        size="sm"
        fullWidth
        variant="default"
        leftSection={<IconFingerprint size={16} />}
        onClick={() => void run()}
        aria-disabled={busy || undefined}
      >
        {busy ? 'Waiting for your passkey…' : 'Sign in with a passkey'}
      </Button>
      {problem !== undefined && <Refused problem={problem} />}
    </>
  );
}

function Password({ onDone, login }: { onDone: (next: Next) => void; login?: string | undefined }) {
  const form = useFields({
    initial: { login: login ?? '', password: '' },
    check: (v) => ({
      ...(!v.login.trim() && { login: 'Write the login that you were invited with.' }),
      ...(!v.password && { password: 'Write your password.' }),
    }),
    send: async (v) => onDone(await signInPassword(v.login.trim(), v.password)),
  });
  return (
    <Form of={form} button="Sign in" doing="Signing in…" label="Sign in with a password">
      <TextField of={form} name="login" label="Login" autoComplete="username" autoFocus={!login} />
      <SecretField of={form} name="password" label="Password" autoComplete="current-password" autoFocus={!!login} />
    </Form>
  );
}

function Code({ onDone, onBack }: { onDone: (next: Next) => void; onBack: () => void }) {
  const [recovery, setRecovery] = useState(false);
  const form = useFields({
    initial: { code: '' },
    check: (v) => (codeWrong(v.code, recovery) ? { code: codeWrong(v.code, recovery) } : {}),
    send: async (v) => onDone(await signInCode(v.code.replace(/\s/g, ''))),
  });
  return (
    <>
      <Form of={form} button="Go on" doing="Checking…" onCancel={onBack} label="Second factor">
        <CodeInput form={form} recovery={recovery} />
      </Form>
      <p className={classes.foot}>
        <button
          type="button"
          className={classes.linkish}
          onClick={() => {
            setRecovery((r) => !r);
            form.reset();
          }}
        >
          {recovery ? 'Use the code of your app' : 'Use a recovery code instead'}
        </button>
      </p>
    </>
  );
}

/** What is wrong with a code before it is sent. */
export function codeWrong(code: string, recovery: boolean): string | undefined {
  const bare = code.replace(/\s/g, '');
  if (recovery) return bare.length >= 8 ? undefined : 'Write one of the recovery codes that you kept, whole.';
  return /^\d{6}$/.test(bare) ? undefined : 'Write the six digits that your app shows now.';
}

export function CodeInput({ form, recovery }: { form: ReturnType<typeof useFields<{ code: string }>>; recovery: boolean }) {
  return (
    <div className={classes.code}>
      <TextField
        key={String(recovery)}
        of={form}
        name="code"
        label={recovery ? 'Recovery code' : 'Code'}
        why={recovery ? 'It works once.' : 'The six digits of your authenticator app.'}
        autoComplete="one-time-code"
        inputMode={recovery ? 'text' : 'numeric'}
        autoFocus
        mono
      />
    </div>
  );
}

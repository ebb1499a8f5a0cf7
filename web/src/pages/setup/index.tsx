import { useState } from 'react';
import { Form, SecretField, TextField, useFields } from '@/components/Form';
import { Notice } from '@/components/States';
import { Bare } from '@/pages/signin/Bare';
import { Enrol } from '@/pages/signin/enrolpage';
import { takeToken } from '@/pages/signin/token';
import { setUp, type Next } from '@/pages/signin/api';

/** The first account of an installation, made with the link that the server printed when it started. */
export default function SetupPage() {
  const [token] = useState(() => takeToken());
  const [step, setStep] = useState<'account' | 'must' | 'may'>('account');
  if (!token) {
    return (
      <Bare title="Set up Retinue">
        <Notice tone="medium">This page needs the link that the server printed when it started.</Notice>
        <p>
          Look at the terminal or log of <code className="mono">retinue serve</code>. The link works once, for ten minutes; restarting the server prints a
          new one as long as there is no account.
        </p>
      </Bare>
    );
  }
  if (step !== 'account') {
    return (
      <Bare wide title="Set up a second factor" lead={step === 'must' ? 'An administrator may not sign in with a password alone.' : 'With it nobody gets in who only learns your password.'}>
        <Enrol onDone={() => window.location.assign('/')} {...(step === 'may' && { onLater: () => window.location.assign('/') })} />
      </Bare>
    );
  }
  return (
    <Bare title="Set up Retinue" lead="Make the first account. It administers this installation and invites the others.">
      <First token={token} onDone={(next) => setStep(next === 'enrol' ? 'must' : 'may')} />
    </Bare>
  );
}

function First({ token, onDone }: { token: string; onDone: (next: Next) => void }) {
  const form = useFields({
    initial: { name: '', login: '', password: '' },
    check: (v) => ({
      ...(!v.name.trim() && { name: 'Write how you are called.' }),
      ...(!v.login.trim() && { login: 'Write an e-mail address, or a short name to sign in with.' }),
      ...(v.password.length < 12 && { password: 'Use at least 12 characters; a few unrelated words do well.' }),
    }),
    send: async (v) => {
      onDone(await setUp({ token, name: v.name.trim(), login: v.login.trim(), password: v.password }));
    },
  });
  return (
    <Form of={form} button="Make the account" doing="Making…" label="The first account">
      <TextField of={form} name="name" label="Your name" autoComplete="name" autoFocus />
      <TextField of={form} name="login" label="Login" autoComplete="username" why="Your e-mail address, or a short name." />
      <SecretField of={form} name="password" label="Password" autoComplete="new-password" why="At least 12 characters. A second factor comes next." />
    </Form>
  );
}

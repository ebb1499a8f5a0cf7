import { useState } from 'react';
import { Form, SecretField, TextField, useFields } from '@/components/Form';
import { Notice } from '@/components/States';
import { acceptInvitation, type Next } from './api';
import { Bare } from './Bare';
import { Enrol } from './enrolpage';
import { takeToken } from './token';

/** Accepting an invitation, or a link by which one sets up anew how one signs in. */
export default function InvitationPage() {
  const [token] = useState(() => takeToken());
  const [step, setStep] = useState<'account' | 'factor'>('account');
  if (!token) {
    return (
      <Bare title="Your invitation">
        <Notice tone="medium">The link is not whole, or was used. Ask whoever invited you for a new one.</Notice>
      </Bare>
    );
  }
  if (step === 'factor') {
    return (
      <Bare wide title="Set up a second factor" lead="Your account may not be used with a password alone.">
        <Enrol onDone={() => window.location.assign('/')} />
      </Bare>
    );
  }
  return (
    <Bare title="Welcome" lead="Choose a password. You can add a passkey next and then sign in without it.">
      <Accept token={token} onDone={(next) => (next === 'enrol' ? setStep('factor') : window.location.assign('/'))} />
    </Bare>
  );
}

function Accept({ token, onDone }: { token: string; onDone: (next: Next) => void }) {
  const form = useFields({
    initial: { name: '', password: '' },
    check: (v) => (v.password.length < 12 ? { password: 'Use at least 12 characters; a few unrelated words do well.' } : {}),
    send: async (v) => {
      onDone(await acceptInvitation({ token, name: v.name.trim(), password: v.password }));
    },
  });
  return (
    <Form of={form} button="Go on" doing="Setting up…" label="Your account">
      <TextField of={form} name="name" label="Your name" autoComplete="name" optional />
      <SecretField of={form} name="password" label="Password" autoComplete="new-password" why="At least 12 characters." />
    </Form>
  );
}

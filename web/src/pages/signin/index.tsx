import { useSearch } from 'wouter';
import { useState } from 'react';
import { Notice } from '@/components/States';
import { Bare } from './Bare';
import { SignInForm } from './SignInForm';
import type { Next } from './api';

/** Only addresses inside this console are gone to after signing in. */
export function insideOnly(to: string | null): string {
  if (!to?.startsWith('/') || to.startsWith('//') || to.startsWith('/\\')) return '/';
  return to;
}

const reasons: Record<string, string> = {
  denied: 'The provider said no, or you cancelled there.',
  expired: 'It took too long. Begin again.',
  unknown: 'The provider knows you, but nobody here does yet. Ask an administrator for an invitation.',
};

/** Signing in. Where one came from is where one goes back to. */
export default function SignInPage() {
  const params = new URLSearchParams(useSearch());
  const to = insideOnly(params.get('to'));
  const problem = params.get('error');
  const [leaving, setLeaving] = useState(false);

  function done(next: Exclude<Next, 'code'>) {
    setLeaving(true);
    // The whole page is loaded anew: nothing of an earlier session stays in memory.
    window.location.assign(next === 'enrol' ? `/enrol?to=${encodeURIComponent(to)}` : to);
  }
  return (
    <Bare title="Sign in">
      {problem && <Notice tone="critical">{reasons[problem] ?? 'Signing in at the provider did not work. Try again.'}</Notice>}
      {leaving ? <p role="status">Signed in. Loading…</p> : <SignInForm onDone={done} to={to} />}
    </Bare>
  );
}

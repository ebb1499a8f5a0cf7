import { useSearch } from 'wouter';
import { useEffect, useRef, useState } from 'react';
import { Notice } from '@/components/States';
import { Bare } from './Bare';
import { SignInForm } from './SignInForm';
import { signInLink } from './api';
import { takeToken } from './token';

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

  function done(next: 'done' | 'enrol') {
    setLeaving(true);
    // The whole page is loaded anew: nothing of an earlier session stays in memory.
    window.location.assign(next === 'enrol' ? `/enrol?to=${encodeURIComponent(to)}` : to);
  }
  // A link of the server's terminal signs in at once. Its secret works one time.
  const [link] = useState(() => takeToken());
  const [linkProblem, setLinkProblem] = useState<unknown>();
  const used = useRef(false);
  useEffect(() => {
    if (!link || used.current) return;
    used.current = true;
    signInLink(link).then((next) => window.location.assign(next === 'enrol' ? '/enrol' : '/'), setLinkProblem);
  }, [link]);
  if (link && linkProblem === undefined) {
    return (
      <Bare title="Sign in">
        <p role="status">Signing in with the link…</p>
      </Bare>
    );
  }
  return (
    <Bare title="Sign in">
      {linkProblem !== undefined && (
        <Notice tone="critical">The link no longer works: each works once, for ten minutes. Sign in below, or have the server print a new one.</Notice>
      )}
      {problem && <Notice tone="critical">{reasons[problem] ?? 'Signing in at the provider did not work. Try again.'}</Notice>}
      {leaving ? <p role="status">Signed in. Loading…</p> : <SignInForm onDone={done} to={to} />}
    </Bare>
  );
}

import { Modal } from '@mantine/core';
import { useCallback, useEffect, useRef, useState } from 'react';
import { session } from '@/api/client';
import { queries } from '@/api/query';
import { useGo } from '@/app/router';
import { useLocation } from 'wouter';
import { ConfirmFactor } from './ConfirmFactor';
import { SignInForm } from './SignInForm';

/**
 * Watches over the session. When it ends, what is on the screen stays and signing in happens over it; when an
 * action needs a fresh second factor, it is asked for and the action goes on.
 */
export function SessionKeeper({ known, login }: { known: boolean; login?: string | undefined }) {
  const [, navigate] = useLocation();
  const go = useGo();
  const [lost, setLost] = useState(false);
  const [asking, setAsking] = useState(false);
  const waiting = useRef<((given: boolean) => void)[]>([]);

  useEffect(() => {
    session.lost = () => {
      if (known) setLost(true);
      else navigate(`/sign-in?to=${encodeURIComponent(here())}`, { replace: true });
    };
    session.enrol = () => navigate(`/enrol?to=${encodeURIComponent(here())}`, { replace: true });
    session.factor = () =>
      new Promise((given) => {
        waiting.current.push(given);
        setAsking(true);
      });
  }, [known, navigate]);

  const answer = useCallback((given: boolean) => {
    setAsking(false);
    for (const each of waiting.current.splice(0)) each(given);
  }, []);

  if (lost) {
    return (
      <Modal opened onClose={() => undefined} withCloseButton={false} closeOnEscape={false} title="Your session has ended">
        <p className="muted" style={{ marginTop: 0 }}>
          Sign in again to go on where you were. What you see behind this stays as it is.
        </p>
        <SignInForm
          login={login}
          to={here()}
          onDone={(next) => {
            setLost(false);
            if (next === 'enrol') go('/enrol');
            else void queries.invalidateQueries();
          }}
        />
      </Modal>
    );
  }
  return <ConfirmFactor opened={asking} onAnswer={answer} />;
}

const here = () => window.location.pathname + window.location.search;

import { Button } from '@mantine/core';
import { useState } from 'react';
import { useSearch } from 'wouter';
import { Bare } from './Bare';
import classes from './Bare.module.css';
import { EnrolPasskey, EnrolTotp, RecoveryCodes } from './Enrol';
import { insideOnly } from '.';
import { passkeysSupported } from './webauthn';

/** Setting up a second factor, which everybody needs before anything else. */
export default function EnrolPage() {
  const to = insideOnly(new URLSearchParams(useSearch()).get('to'));
  return (
    <Bare wide title="Set up a second factor" lead="Your account may not be used with a password alone.">
      <Enrol onDone={() => window.location.assign(to)} />
    </Bare>
  );
}

/** A passkey or an authenticator app, then the recovery codes. */
export function Enrol({ onDone }: { onDone: () => void }) {
  const [codes, setCodes] = useState<string[]>();
  const [app, setApp] = useState(!passkeysSupported());
  const finish = (made: string[]) => (made.length > 0 ? setCodes(made) : onDone());
  if (codes) return <RecoveryCodes codes={codes} onDone={onDone} />;
  return (
    <>
      {!app && (
        <>
          <EnrolPasskey onDone={finish} />
          <div className={classes.or}>or</div>
          <Button variant="default" onClick={() => setApp(true)}>
            Use an authenticator app
          </Button>
        </>
      )}
      {app && <EnrolTotp onDone={finish} />}
    </>
  );
}

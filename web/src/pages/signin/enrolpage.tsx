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

interface EnrolProps {
  onDone: () => void;
  /** Where it may wait: on the machine itself, while nobody else can reach the console. */
  onLater?: () => void;
}

/** A passkey or an authenticator app, then the recovery codes. */
export function Enrol({ onDone, onLater }: EnrolProps) {
  const [codes, setCodes] = useState<string[]>();
  const [app, setApp] = useState(false);
  const finish = (made: string[]) => (made.length > 0 ? setCodes(made) : onDone());
  if (codes) return <RecoveryCodes codes={codes} onDone={onDone} />;
  return (
    <>
      {!app && passkeysSupported() && (
        <>
          <EnrolPasskey onDone={finish} />
          <div className={classes.or}>or</div>
        </>
      )}
      <EnrolTotp onBegun={() => setApp(true)} onDone={finish} />
      {onLater && (
        <p className={classes.foot}>
          <button type="button" className={classes.linkish} onClick={onLater}>
            Later: so far only this machine can reach the console
          </button>
        </p>
      )}
    </>
  );
}

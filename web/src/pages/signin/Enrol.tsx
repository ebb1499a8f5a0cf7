import { Button } from '@mantine/core';
import { useState } from 'react';
import { CopyButton } from '@/components/CopyButton';
import { Form, Refused, TextField, useFields } from '@/components/Form';
import { addPasskey, beginTotp, finishTotp } from './api';
import classes from './Bare.module.css';
import { Qr } from './Qr';
import { CodeInput, codeWrong } from './SignInForm';
import { passkeyProblem } from './webauthn';

interface EnrolTotpProps {
  onDone: (codes: string[]) => void;
  onCancel?: () => void;
  onBegun?: () => void;
}

/** Sets up an authenticator app: its secret as a picture and as text, then a code that proves it. */
export function EnrolTotp({ onDone, onCancel, onBegun }: EnrolTotpProps) {
  const [begun, setBegun] = useState<{ url: string; secret: string }>();
  const [problem, setProblem] = useState<unknown>();
  const form = useFields({
    initial: { code: '' },
    check: (v) => (codeWrong(v.code, false) ? { code: codeWrong(v.code, false) } : {}),
    send: async (v) => onDone(await finishTotp(v.code.replace(/\s/g, ''))),
  });
  async function begin() {
    setProblem(undefined);
    try {
      setBegun(await beginTotp());
      onBegun?.();
    } catch (error) {
      setProblem(error);
    }
  }
  if (!begun) {
    return (
      <>
        {problem !== undefined && <Refused problem={problem} />}
        <Button variant="default" onClick={() => void begin()}>
          Set up an authenticator app
        </Button>
      </>
    );
  }
  return (
    <div>
      <div className={classes.enrol}>
        <Qr value={begun.url} label="QR code for your authenticator app" />
        <div>
          <p style={{ marginTop: 0 }}>Scan it with your authenticator app, or type this secret into the app:</p>
          <p style={{ margin: 0 }}>
            <code className="mono">{begun.secret.replace(/(.{4})/g, '$1 ').trim()}</code> <CopyButton value={begun.secret} what="secret" />
          </p>
        </div>
      </div>
      <Form of={form} button="Confirm" doing="Checking…" onCancel={onCancel} label="Authenticator app">
        <CodeInput form={form} recovery={false} />
      </Form>
    </div>
  );
}

/** Makes a passkey on this device or a security key. */
export function EnrolPasskey({ onDone, onCancel }: { onDone: (codes: string[]) => void; onCancel?: () => void }) {
  const form = useFields({
    initial: { name: suggestedName() },
    check: (v) => (v.name.trim() ? {} : { name: 'Name it so that you know it again, such as “laptop”.' }),
    send: async (v) => {
      try {
        onDone(await addPasskey(v.name.trim()));
      } catch (error) {
        if (error instanceof DOMException) throw new Error(passkeyProblem(error), { cause: error });
        throw error;
      }
    },
  });
  return (
    <Form of={form} button="Add passkey" doing="Waiting for your device…" onCancel={onCancel} label="Passkey">
      <TextField of={form} name="name" label="Name of the passkey" why="Which device or key it is on." />
    </Form>
  );
}

function suggestedName(): string {
  const system = /(Windows|Mac|Android|iPhone|iPad|Linux)/.exec(navigator.userAgent)?.[1] ?? '';
  const names: Record<string, string> = { Mac: 'Mac', Windows: 'Windows machine', Linux: 'Linux machine', Android: 'Android phone' };
  return names[system] ?? system;
}

/** Recovery codes, shown once. */
export function RecoveryCodes({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  const text = codes.join('\n');
  return (
    <div>
      <p style={{ marginTop: 0 }}>
        <strong>Keep these recovery codes now.</strong> Each signs you in once when your device is lost. They are kept hashed and cannot be shown again.
      </p>
      <ul className={classes.codes} aria-label="Recovery codes">
        {codes.map((c) => (
          <li key={c}>{c}</li>
        ))}
      </ul>
      <div style={{ display: 'flex', gap: 8, flexWrap: 'wrap' }}>
        <Button variant="default" onClick={() => download(text)}>
          Save as a file
        </Button>
        <CopyButton value={text} what="recovery codes" />
        <Button onClick={onDone}>I have kept them</Button>
      </div>
    </div>
  );
}

function download(text: string) {
  const url = URL.createObjectURL(new Blob([`${text}\n`], { type: 'text/plain' }));
  const a = document.createElement('a');
  a.href = url;
  a.download = 'retinue-recovery-codes.txt';
  a.click();
  URL.revokeObjectURL(url);
}

import { Button, Modal, TextInput } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { Refused } from './Form';
import classes from './Form.module.css';

interface ConfirmProps {
  opened: boolean;
  onClose: () => void;
  /** What is done and to what: "Revoke token nightly-export". It is the button too. */
  title: string;
  /** What follows from it, and whether it can be undone. */
  children: ReactNode;
  /** Must be typed first, where what is lost cannot be brought back. */
  type?: string;
  run: () => Promise<unknown>;
  danger?: boolean;
}

/** Asks before something that destroys. The button names the object and is never the default. */
export function Confirm({ opened, onClose, title, children, type, run, danger = true }: ConfirmProps) {
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>();

  function close() {
    setTyped('');
    setProblem(undefined);
    onClose();
  }
  async function act() {
    setBusy(true);
    setProblem(undefined);
    try {
      await run();
      close();
    } catch (error) {
      setProblem(error);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Modal opened={opened} onClose={close} title={title} closeButtonProps={{ 'aria-label': 'Close' }}>
      <div className={classes.form}>
        <div>{children}</div>
        {type && (
          <TextInput
            label={`Type ${type} to go on`}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            autoComplete="off"
          />
        )}
        {problem !== undefined && <Refused problem={problem} />}
        <div className={classes.buttons}>
          <Button variant="default" onClick={close} data-autofocus>
            Cancel
          </Button>
          <Button
            color={danger ? 'red' : undefined}
            disabled={type !== undefined && typed !== type}
            onClick={() => void act()}
            aria-disabled={busy || undefined}
          >
            {title}
          </Button>
        </div>
      </div>
    </Modal>
  );
}

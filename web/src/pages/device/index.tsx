import { Button } from '@mantine/core';
import { useState } from 'react';
import { useSearch } from 'wouter';
import { useGet } from '@/api/query';
import { Facts } from '@/components/Columns';
import { Form, Refused, TextField, useFields } from '@/components/Form';
import { Page } from '@/components/Page';
import { Block } from '@/components/Skeletons';
import { Empty, Failed, Notice } from '@/components/States';
import { Time } from '@/components/Time';
import { useGo } from '@/app/router';
import { decideDevice } from '@/pages/signin/api';
import { permissions } from '@/pages/settings/data';

interface Device {
  userCode: string;
  name?: string;
  origin?: string;
  createdAt?: string;
  expiresAt?: string;
  permissions?: string[] | null;
}

/** Letting a command line sign in: it shows a code, and here somebody says whether it is theirs. */
export default function DevicePage() {
  const code = new URLSearchParams(useSearch()).get('code') ?? '';
  return (
    <Page title="Let a command line in" narrow lead="A program asks to act as you. Go on only if you started it yourself, just now.">
      {code ? <Ask code={code} /> : <Enter />}
    </Page>
  );
}

function Enter() {
  const go = useGo();
  const form = useFields({
    initial: { code: '' },
    check: (v) => (v.code.replace(/[\s-]/g, '').length >= 6 ? {} : { code: 'Write the code that the command line shows, such as ABCD-EFGH.' }),
    send: async (v) => go(`/device?code=${encodeURIComponent(v.code.trim().toUpperCase())}`),
  });
  return (
    <Form of={form} button="Go on">
      <TextField of={form} name="code" label="Code" why="What retinue login shows." mono autoFocus />
    </Form>
  );
}

function Ask({ code }: { code: string }) {
  const { data, error, refetch } = useGet<Device>('/auth/device', { code });
  const [done, setDone] = useState<'allowed' | 'refused'>();
  const [problem, setProblem] = useState<unknown>();
  if (done === 'allowed') return <Empty title="The command line is signed in.">You can close this page and go back to it.</Empty>;
  if (done === 'refused') return <Empty title="It was refused.">If you did not start it, somebody may be trying to get in as you. An administrator can see it in the audit log.</Empty>;
  if (error) return <Failed what="The code" error={error} retry={() => void refetch()} />;
  if (!data) return <Block height={160} />;
  async function decide(allow: boolean) {
    setProblem(undefined);
    try {
      await decideDevice(code, allow);
      setDone(allow ? 'allowed' : 'refused');
    } catch (e) {
      setProblem(e);
    }
  }
  return (
    <>
      <Notice tone="medium">Compare the code with the one on your terminal: <strong className="mono">{code}</strong></Notice>
      <Facts
        rows={[
          !!data.name && ['Program', data.name],
          !!data.origin && ['Asks from', data.origin],
          !!data.createdAt && ['Asked', <Time at={data.createdAt} />],
          !!data.permissions?.length && [
            'It may then',
            <ul style={{ margin: 0, paddingLeft: 18 }}>
              {data.permissions.map((p) => (
                <li key={p}>{permissions[p] ?? p}</li>
              ))}
            </ul>,
          ],
        ]}
      />
      {problem !== undefined && <Refused problem={problem} />}
      <div style={{ display: 'flex', gap: 8, marginTop: 20 }}>
        <Button onClick={() => void decide(true)}>Let it in as me</Button>
        <Button variant="default" onClick={() => void decide(false)}>
          Refuse
        </Button>
      </div>
    </>
  );
}

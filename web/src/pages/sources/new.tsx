import { Button, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useState } from 'react';
import { useSearch } from 'wouter';
import { request } from '@/api/client';
import { useGet } from '@/api/query';
import { useGo } from '@/app/router';
import { CopyButton } from '@/components/CopyButton';
import { Columns } from '@/components/Columns';
import { Page, Section } from '@/components/Page';
import { Block } from '@/components/Skeletons';
import { Failed, Notice } from '@/components/States';
import { useToasts } from '@/components/Toasts';
import type { Kind, Source } from './data';
import { againSources } from './Running';
import { SourceForm } from './SourceForm';
import classes from './sources.module.css';

/** Adding a source: first which kind, then its form beside the privileges that it needs. */
export default function NewSourcePage() {
  const kind = new URLSearchParams(useSearch()).get('kind');
  const go = useGo();
  const toasts = useToasts();
  const { data, error, refetch } = useGet<{ items: Kind[] | null }>('/connectors', {}, { staleTime: Infinity });
  if (error) return <Failed what="The kinds of source" error={error} retry={() => void refetch()} />;
  const chosen = data?.items?.find((k) => k.kind === kind);
  return (
    <Page title={chosen ? `Add ${chosen.title}` : 'Add source'} lead={chosen ? chosen.summary : 'Which system is to be read?'}>
      {!data ? (
        <Block height={360} />
      ) : !chosen ? (
        <Choose kinds={data.items ?? []} />
      ) : chosen.fileOnly ? (
        <FileOnly kind={chosen} />
      ) : (
        <Columns side={<Privileges kind={chosen} />}>
          <SourceForm
            key={chosen.kind}
            kind={chosen}
            onCancel={() => go('/sources/new')}
            send={async (body) => {
              const { data: made } = await request<Source>('POST', '/sources', { body });
              await againSources();
              toasts.say(`${made.name} is added. Check its access, then scan it.`);
              go(`/sources/${encodeURIComponent(made.name)}`);
            }}
          />
        </Columns>
      )}
    </Page>
  );
}

function Choose({ kinds }: { kinds: Kind[] }) {
  const go = useGo();
  const [text, setText] = useState('');
  const t = text.trim().toLowerCase();
  const shown = kinds.filter((k) => !t || `${k.kind} ${k.title} ${k.summary}`.toLowerCase().includes(t));
  return (
    <>
      <TextInput
        type="search"
        aria-label="Look for a system"
        placeholder="Look for a system"
        leftSection={<IconSearch size={14} aria-hidden="true" />}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        mb={14}
        maw={320}
      />
      <ul className={classes.kinds}>
        {shown.map((k) => (
          <li key={k.kind}>
            <button type="button" className={classes.kind} onClick={() => go(`/sources/new?kind=${k.kind}`)}>
              <strong>{k.title}</strong>
              <span>
                {k.summary}
                {k.fileOnly && ' In retinue.yaml or by a collector only.'}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p className="muted">No kind of source has that name. Anything can be read by a program of your own: see the documents about connectors.</p>}
    </>
  );
}

function FileOnly({ kind }: { kind: Kind }) {
  const go = useGo();
  const example = `sources:\n  - name: ${kind.kind}\n    kind: ${kind.kind}${kind.targets?.[0] && !kind.targetOptional ? `\n    target: ${kind.targets[0].form}` : ''}`;
  return (
    <>
      <Notice tone="low">It is about the machine that reads it, so it is set up there: in retinue.yaml of the server, or by a collector.</Notice>
      <div className={classes.docHead}>
        retinue.yaml <CopyButton value={example} what="lines" />
      </div>
      <pre className={classes.doc} tabIndex={0} aria-label="retinue.yaml">
        {example}
      </pre>
      <Button variant="default" onClick={() => go('/sources/new')}>
        Choose another
      </Button>
    </>
  );
}

/** The least that a connector needs, as documents to paste, and what it sees. */
export function Privileges({ kind }: { kind: Kind }) {
  return (
    <>
      <Section title="What it needs" id="needs">
        {(kind.privileges ?? []).map((p) => (
          <div key={p.title}>
            <div className={classes.docHead}>
              {p.title} <CopyButton value={p.body} what={p.title} />
            </div>
            <pre className={classes.doc} tabIndex={0} aria-label={p.title}>
              {p.body}
            </pre>
          </div>
        ))}
      </Section>
      <Words title="What it sees" of={kind.sees} />
      <Words title="What it never sees" of={kind.blindSpots} />
      <Words title="What these privileges would allow beyond that" of={kind.couldRead} />
    </>
  );
}

function Words({ title, of }: { title: string; of: string[] | null }) {
  if (!of?.length) return null;
  return (
    <Section title={title} id={title.replace(/\W+/g, '-')}>
      <ul className={classes.list} style={{ fontSize: 13 }}>
        {of.map((s) => (
          <li key={s}>{s}</li>
        ))}
      </ul>
    </Section>
  );
}

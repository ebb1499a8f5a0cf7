import { ActionIcon, Button, Menu, Skeleton } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconDots } from '@tabler/icons-react';
import { Fragment } from 'react';
import { useGet } from '@/api/query';
import type { IdentityDetail } from '@/api/types';
import { useAsOf } from '@/app/asof';
import { useCan } from '@/app/me';
import { Link } from '@/app/router';
import { Key, State, Tag, Term } from '@/components/index';
import { date, middle, word } from '@/lib/format';
import classes from './identity.module.css';

interface Props {
  identity: IdentityDetail | undefined;
  onOwner: () => void;
  onEdit: () => void;
}

/** Who it is and who answers for it. */
export function Head({ identity: d, onOwner, onEdit }: Props) {
  const can = useCan();
  const { asOf } = useAsOf();
  const clipboard = useClipboard();
  if (!d)
    return (
      <div className={classes.head} aria-busy="true">
        <Skeleton height={20} width={260} />
        <Skeleton height={12} width={420} mt={12} />
        <Skeleton height={12} width={340} mt={12} />
      </div>
    );
  const editable = can('inventory.edit') && !asOf && !d.goneAt;
  const place = (d.containers ?? []).map((c) => c.name || c.key || '').filter(Boolean);
  const facts = [
    <span key="kind">
      {word(d.kind)}
      {d.subtype && d.subtype !== d.kind && <span className="muted"> ({word(d.subtype)})</span>}
    </span>,
    <span key="source">{[d.source, ...place.slice(0, 1)].filter(Boolean).join(' / ')}</span>,
    ...(d.environment ? [<span key="env">{word(d.environment)}</span>] : []),
    ...(d.criticality ? [<span key="crit">criticality {word(d.criticality)}</span>] : []),
    ...(d.class && d.class !== 'non_human' ? [<Tag key="class" {...(d.classReason && { title: d.classReason })}>{d.class === 'person' ? 'person' : 'unclear whether a person'}</Tag>] : []),
    ...(d.privileged ? [<Tag key="priv">privileged</Tag>] : []),
    ...(d.thirdParty ? [<Tag key="third">third party</Tag>] : []),
    ...(d.managed ? [<Tag key="managed">managed by {d.managed === 'provider' ? 'the provider' : `a ${d.managed}`}</Tag>] : []),
    ...(d.state && d.state !== 'active' ? [<State key="state" value={d.state} />] : []),
  ];
  return (
    <div className={classes.head}>
      <div className={classes.headLine}>
        <h1 className={classes.name} tabIndex={-1} data-page-title>
          {middle(d.name || d.key, 80)}
        </h1>
        <span className={classes.headActions}>
          <Button component={Link} to={`/identities/${d.id}?simulate=disable`} variant="default">
            Simulate disabling
          </Button>
          {editable && (
            <Button variant="default" onClick={onEdit}>
              Edit registration
            </Button>
          )}
          <Menu position="bottom-end">
            <Menu.Target>
              <ActionIcon aria-label="More about this identity" variant="default" size={30}>
                <IconDots size={16} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item onClick={() => clipboard.copy(window.location.href)}>Copy the link</Menu.Item>
              <Menu.Item onClick={() => clipboard.copy(d.key)}>Copy the key</Menu.Item>
              <Menu.Item onClick={() => clipboard.copy(d.id)}>Copy the id</Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </span>
      </div>
      <p className={classes.facts}>
        {facts.map((f, i) => (
          <Fragment key={i}>
            {i > 0 && <span className={classes.dot}>·</span>}
            {f}
          </Fragment>
        ))}
      </p>
      {d.key !== d.name && (
        <div className={classes.keyLine}>
          <Key value={d.key} most={96} />
        </div>
      )}
      <p className={classes.answers}>
        <span className="muted">
          <Term of="owner">Answers for it</Term>:{' '}
        </span>
        {d.owner ? (
          <>
            <Link to={`/owners/of/${encodeURIComponent(d.owner)}`} className={classes.owner}>
              {d.owner}
            </Link>
            {d.registration?.backupOwner && <span className="muted"> · in their absence {d.registration.backupOwner}</span>}
            {d.registration?.reviewDate && <span className="muted"> · to be reviewed {date(d.registration.reviewDate)}</span>}
          </>
        ) : (
          <Nobody id={d.id} />
        )}
        {editable && (
          <Button variant={d.owner ? 'subtle' : 'filled'} size="compact-sm" ml={10} onClick={onOwner}>
            {d.owner ? 'Change' : 'Assign'}
          </Button>
        )}
      </p>
      {d.registration?.purpose || d.description ? <p className={classes.purpose}>{d.registration?.purpose ?? d.description}</p> : null}
    </div>
  );
}

/** Who might answer for it, by the evidence that was found. */
interface Ownership {
  suggestions: { owner: string; title?: string; confidence: string; summary: string }[] | null;
}

/** Nobody yet, and who it probably is by the signals that agree. */
function Nobody({ id }: { id: string }) {
  const ownership = useGet<Ownership>(`/identities/${encodeURIComponent(id)}/ownership`, {}, { retry: false, staleTime: 60_000 });
  const best = ownership.data?.suggestions?.[0];
  if (!best) return <>nobody yet{ownership.isPending ? '' : ', and nothing says who might'}</>;
  return (
    <>
      nobody yet — probably <strong>{best.title || best.owner}</strong>
      <span className="muted">: {best.summary}</span>
    </>
  );
}

import { Select, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { useSearchParams } from 'wouter';
import { useGet } from '@/api/query';
import { Link } from '@/app/router';
import { Page } from '@/components/Page';
import { Sign } from '@/components/Sign';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Empty, Failed, Notice } from '@/components/States';
import { Time } from '@/components/Time';
import { Mark, Severity, Tag, Term, Unknown, word } from '@/components/Words';
import { count, date, plural } from '@/lib/format';
import type { ThirdParty, ThirdPartyAccess } from './data';
import classes from './thirdparties.module.css';

type Show = 'all' | 'privileged' | 'external' | 'unowned' | 'unused';

const shows: Record<Show, { label: string; is: (t: ThirdParty) => boolean }> = {
  all: { label: 'All', is: () => true },
  privileged: { label: 'Privileged', is: (t) => t.privileged > 0 },
  external: { label: 'External id missing', is: (t) => t.missingExternalId > 0 },
  unowned: { label: 'Nobody answers for it', is: (t) => t.unowned > 0 },
  unused: { label: 'Never used', is: (t) => t.neverUsed > 0 },
};

/** Other organisations: what each was granted, how it gets in, whether it uses it, and who answers for it. */
export default function ThirdPartiesPage() {
  const { data, error, refetch } = useGet<{ items: ThirdParty[] | null }>('/third-parties');
  const [params, setParams] = useSearchParams();
  const text = params.get('text') ?? '';
  const show = (params.get('show') ?? 'all') as Show;
  const all = useMemo(() => data?.items ?? [], [data]);
  const shown = useMemo(() => {
    const t = text.toLowerCase();
    return all
      .filter((x) => !t || `${x.vendor} ${(x.access ?? []).map((a) => `${a.name} ${a.account ?? ''}`).join(' ')}`.toLowerCase().includes(t))
      .filter((x) => (shows[show] ?? shows.all).is(x))
      .sort((a, b) => b.privileged - a.privileged || b.missingExternalId - a.missingExternalId || (b.access?.length ?? 0) - (a.access?.length ?? 0));
  }, [all, text, show]);
  const set = (name: string, value: string | null) =>
    setParams(
      (old) => {
        const q = new URLSearchParams(old);
        if (value) q.set(name, value);
        else q.delete(name);
        return q;
      },
      { replace: true },
    );
  const missing = all.reduce((sum, t) => sum + t.missingExternalId, 0);
  return (
    <Page
      title="Third parties"
      lead={data && `${plural(all.length, ['other organisation', 'other organisations'])} can act here. What each may do is done by whoever breaks into it.`}
    >
      {error ? (
        <Failed what="The third parties" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Block height={480} />
      ) : all.length === 0 ? (
        <Empty title="No third party can act here">Trusts in accounts of others, and their applications, appear here once a source that lists them is scanned.</Empty>
      ) : (
        <>
          {missing > 0 && (
            <Notice>
              {plural(missing, ['trust demands', 'trusts demand'])} no <Term of="external id">external id</Term>: the third party can be tricked into using your
              access for somebody else.
            </Notice>
          )}
          <div className={classes.tools}>
            <TextInput
              type="search"
              aria-label="Search third parties"
              placeholder="Vendor or identity"
              leftSection={<IconSearch size={14} aria-hidden="true" />}
              value={text}
              onChange={(event) => set('text', event.currentTarget.value)}
            />
            <Select
              aria-label="Show"
              data={Object.entries(shows).map(([value, s]) => ({ value, label: s.label }))}
              value={show}
              allowDeselect={false}
              onChange={(v) => set('show', v === 'all' ? null : v)}
            />
            <Link to="/identities?third_party=true">Their identities as a list</Link>
          </div>
          {shown.length === 0 && <Empty title="No third party matches.">Take a word or the filter away.</Empty>}
          <ul className={classes.parties}>
            {shown.map((t) => (
              <Party key={`${t.vendor} ${t.access?.[0]?.id ?? ''}`} of={t} />
            ))}
          </ul>
        </>
      )}
    </Page>
  );
}

const severities = ['critical', 'high', 'medium', 'low'];

function Party({ of: t }: { of: ThirdParty }) {
  const [open, setOpen] = useState(false);
  const access = t.access ?? [];
  const worst = severities.find((s) => (t.findings?.[s] ?? 0) > 0);
  return (
    <li className={classes.party}>
      <button type="button" className={classes.head} aria-expanded={open} onClick={() => setOpen((o) => !o)}>
        <span className={classes.vendor}>
          {t.vendor} {!t.nameKnown && <span className="muted">name not known</span>}
        </span>
        <span>{plural(access.length, ['way in', 'ways in'])}</span>
        <span>
          {t.privileged > 0 && (
            <Mark tone="high" sign="triangle">
              {count(t.privileged)} privileged
            </Mark>
          )}
        </span>
        <span>
          {t.missingExternalId > 0 && (
            <Mark tone="medium" sign="diamond">
              {count(t.missingExternalId)} without external id
            </Mark>
          )}
        </span>
        <span className="muted">
          {t.lastUsed ? (
            <>
              used <Time at={t.lastUsed} />
            </>
          ) : t.neverUsed > 0 && t.useUnknown === 0 ? (
            'never used'
          ) : (
            'use not known'
          )}
        </span>
        <span className={classes.caret} data-open={open || undefined}>
          <Sign name="triangle" size={8} />
        </span>
      </button>
      {open && (
        <div className={classes.body}>
          <div className={classes.facts}>
            <span>
              Answers for it: {(t.owners ?? []).length > 0 ? (t.owners ?? []).join(', ') : <Unknown>nobody yet</Unknown>}
              {t.unowned > 0 && (t.owners ?? []).length > 0 && `; nobody for ${count(t.unowned)}`}
            </span>
            {worst && (
              <span>
                {count(t.findings?.[worst] ?? 0)} open <Severity value={worst} />
              </span>
            )}
            {!t.organizationKnown && <Unknown>No source could decide whether it is another organisation: name your own accounts to be sure.</Unknown>}
          </div>
          <Ways of={access} vendor={t.vendor} />
        </div>
      )}
    </li>
  );
}

function Ways({ of, vendor }: { of: ThirdPartyAccess[]; vendor: string }) {
  return (
    <Simple
      label={`How ${vendor} gets in`}
      rows={of}
      id={(a) => `${a.id} ${a.account ?? ''}`}
      columns={[
        {
          name: 'name',
          head: 'As',
          cell: (a) => (
            <>
              <Link to={`/identities/${a.id}`}>{a.name}</Link> {a.environment && <Tag>{a.environment}</Tag>}
              <br />
              <span className="muted">
                {word(a.kind)} in {a.source}
              </span>
            </>
          ),
        },
        {
          name: 'how',
          head: 'How',
          cell: (a) => (
            <>
              {a.how === 'app' ? 'its own application' : <>trusted: <span className="mono">{a.account}</span></>}
              {a.externalId === 'missing' && (
                <>
                  <br />
                  <Mark tone="medium" sign="diamond">
                    no external id
                  </Mark>
                </>
              )}
              {(a.conditions ?? []).map((c) => (
                <div key={c} className="muted">
                  {c}
                </div>
              ))}
            </>
          ),
        },
        {
          name: 'granted',
          head: 'May',
          cell: (a) =>
            (a.granted ?? []).length === 0 ? (
              <Unknown>nothing is known to be granted</Unknown>
            ) : (
              <>
                {(a.granted ?? []).map((g) => (
                  <div key={g}>{g}</div>
                ))}
                {!!a.grantedMore && <span className="muted">and {count(a.grantedMore)} more</span>}
              </>
            ),
        },
        {
          name: 'used',
          head: 'Last used',
          cell: (a) => <Time at={a.use.lastUsed} none={a.use.status === 'never_used' ? 'never' : 'not known'} />,
        },
        { name: 'owner', head: 'Owner', wide: true, cell: (a) => a.owner || <Unknown>nobody yet</Unknown> },
        {
          name: 'review',
          head: 'Looked at again',
          wide: true,
          cell: (a) => (a.review?.endDate ? `ends ${date(a.review.endDate)}` : a.review?.reviewDate ? date(a.review.reviewDate) : <Unknown>no date</Unknown>),
        },
      ]}
    />
  );
}

import { Fragment, type ReactNode } from 'react';
import { Link } from '@/app/router';
import { Term } from '@/components/Words';
import { count, plural, share, total } from '@/lib/format';
import type { Sentence } from './data';
import classes from './overview.module.css';

/** The whole in one sentence, of computed figures only. Each part leads to what is behind it. */
export function SentenceLine({ sentence: s }: { sentence: Sentence }) {
  const parts: ReactNode[] = [
    <>
      <Link to="/identities?class=non_human">{plural(s.identities, ['identity', 'identities'])}</Link> in {plural(s.systems, ['system', 'systems'])}
    </>,
  ];
  if (s.identities > 0)
    parts.push(
      s.withoutOwner > 0 ? (
        <>
          <Link to="/identities?class=non_human&owner=none">{share(s.withoutOwner, s.identities)}</Link> without an <Term of="owner">owner</Term>
        </>
      ) : (
        'every one has an owner'
      ),
    );
  if (s.oldStatic > 0)
    parts.push(
      <>
        <Link to="/credentials?static=true">{count(s.oldStatic)}</Link> static credentials older than {s.oldDays} days
        {s.ageUnknown > 0 && <span className="muted"> ({count(s.ageUnknown)} more of unknown age)</span>}
      </>,
    );
  if (s.thirdParty > 0)
    parts.push(
      <>
        <Link to="/identities?third_party=true">{count(s.thirdParty)}</Link> that <Term of="third party">third parties</Term> can use
      </>,
    );
  if (s.gained > 0)
    parts.push(
      <>
        <Link to="/changes?change=added&type=grant&type=attachment&type=membership">{total(s.gained, s.gainedIsMore)}</Link> new privileges since you were
        here
      </>,
    );
  return (
    <span className={classes.sentence}>
      {parts.map((p, i) => (
        <Fragment key={i}>
          {i > 0 && '; '}
          {p}
        </Fragment>
      ))}
      .
    </span>
  );
}

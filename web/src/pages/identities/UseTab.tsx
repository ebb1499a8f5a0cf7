import { lazy } from 'react';
import type { IdentityDetail } from '@/api/types';
import { word } from '@/lib/format';
import { evidence, Section, SimpleTable, Time } from './parts';

const UsageView = lazy(() => import('@/pages/usage/UsageView'));

/** What logs say of its use, and below what the system itself says. */
export function UseTab({ identity: d, path }: { identity: IdentityDetail; path: string }) {
  const uses = d.uses ?? [];
  return (
    <>
      <UsageView path={path} />
      {uses.length > 0 && (
        <Section title="What its system says of its use">
          <SimpleTable
            label="Observations of use"
            head={['What', 'When', 'Action', 'On', 'By', 'Evidence']}
            rows={uses.map((u) => [
              word(u.meaning),
              u.never ? 'never' : <Time key="t" at={u.at} />,
              u.action ?? '',
              u.resource ?? '',
              u.consumer ?? '',
              evidence(u.grade),
            ])}
          />
        </Section>
      )}
    </>
  );
}

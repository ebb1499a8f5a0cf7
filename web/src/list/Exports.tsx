import { Button, Menu } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { address } from '@/api/client';
import { currentAsOf } from '@/app/asof';
import { plural } from '@/lib/format';

const names: Record<string, string> = { csv: 'CSV', json: 'JSON', xlsx: 'Excel', sarif: 'SARIF', ocsf: 'OCSF' };

interface Props {
  path: string;
  formats: string[];
  query: Record<string, string | string[] | undefined>;
  total?: { n: number; isMore: boolean };
  noun: readonly [string, string];
}

/** Downloads exactly what the list shows, all pages of it. */
export function Exports({ path, formats, query, total, noun }: Props) {
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="subtle" color="gray" leftSection={<IconDownload size={15} aria-hidden="true" />}>
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{total ? plural(total.n, noun, total.isMore) : 'All that is shown'}, all pages</Menu.Label>
        {formats.map((format) => (
          <Menu.Item key={format} component="a" href={address(path, { ...query, format, as_of: currentAsOf() })} download>
            {names[format] ?? format}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

import { ActionIcon, Button, Menu, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { IconBookmark, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { get, request } from '@/api/client';
import { queries } from '@/api/query';
import { useToasts } from '@/components/Toasts';
import classes from './List.module.css';
import { viewQuery } from './state';

/** A saved view: a list with its filters, sort and columns, under a name. */
interface View {
  id: string;
  list: string;
  name: string;
  shared: boolean;
  mine: boolean;
  body: { query?: string };
}

interface Props {
  list: string;
  offered: { name: string; query: string }[];
  show: (query: string) => void;
}

/** The views of a list: those that everybody has, and one's own. */
export function Views({ list, offered, show }: Props) {
  const key = ['/views', list];
  const toasts = useToasts();
  const [name, setName] = useState('');
  const views = useQuery<{ items: View[] | null }>({
    queryKey: key,
    queryFn: ({ signal }) => get('/views', { list }, signal),
    staleTime: 60_000,
    retry: false,
  });
  const mine = (views.data?.items ?? []).filter((v) => v.mine);
  const shared = (views.data?.items ?? []).filter((v) => !v.mine);

  async function save() {
    const title = name.trim();
    if (!title) return;
    const old = mine.find((v) => v.mine && v.name === title);
    try {
      await request('PUT', `/views/${encodeURIComponent(old?.id ?? 'new')}`, {
        body: { list, name: title, shared: old?.shared ?? false, body: { query: viewQuery() } },
      });
      await queries.invalidateQueries({ queryKey: key });
      setName('');
      toasts.say(`Saved the view “${title}”.`, { seconds: 5 });
    } catch (error) {
      toasts.fail('Saving the view', error);
    }
  }

  async function remove(view: View) {
    try {
      await request('DELETE', `/views/${encodeURIComponent(view.id)}`);
      await queries.invalidateQueries({ queryKey: key });
      toasts.say(`Removed the view “${view.name}”.`, {
        undo: async () => {
          await request('PUT', '/views/new', { body: { list, name: view.name, shared: view.shared, body: view.body } });
          await queries.invalidateQueries({ queryKey: key });
        },
      });
    } catch (error) {
      toasts.fail('Removing the view', error);
    }
  }

  return (
    <Menu position="bottom-end" width={280} closeOnItemClick>
      <Menu.Target>
        <Button variant="subtle" color="gray" leftSection={<IconBookmark size={15} aria-hidden="true" />}>
          Views
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {offered.length > 0 && <Menu.Label>For everybody</Menu.Label>}
        {offered.map((v) => (
          <Menu.Item key={v.name} onClick={() => show(v.query)}>
            {v.name}
          </Menu.Item>
        ))}
        {shared.map((v) => (
          <Menu.Item key={v.id} onClick={() => show(v.body.query ?? '')}>
            {v.name}
          </Menu.Item>
        ))}
        {mine.length > 0 && <Menu.Label>Yours</Menu.Label>}
        {mine.map((v) => (
          <div key={v.id} className={classes.viewRow}>
            <Menu.Item onClick={() => show(v.body.query ?? '')}>{v.name}</Menu.Item>
            <ActionIcon size={24} aria-label={`Remove the view ${v.name}`} onClick={() => void remove(v)}>
              <IconTrash size={13} />
            </ActionIcon>
          </div>
        ))}
        {!views.error && (
          <>
            <Menu.Divider />
            <form
              className={classes.viewForm}
              onSubmit={(event) => {
                event.preventDefault();
                void save();
              }}
            >
              <TextInput
                aria-label="Name of a new view"
                placeholder="Keep what is shown as…"
                value={name}
                maxLength={80}
                onChange={(event) => setName(event.currentTarget.value)}
                onKeyDown={(event) => event.stopPropagation()}
              />
              <Button type="submit" disabled={!name.trim()}>
                Keep
              </Button>
            </form>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

import { Menu, useMantineColorScheme } from '@mantine/core';
import { IconDeviceDesktop, IconKeyboard, IconLogout, IconMoon, IconSun, IconUserCircle } from '@tabler/icons-react';
import { use } from 'react';
import { request } from '@/api/client';
import { queries } from '@/api/query';
import { MeContext } from '@/app/me';
import { useToasts } from '@/components/Toasts';
import classes from './Frame.module.css';

const schemes = [
  ['light', 'Light', IconSun],
  ['dark', 'Dark', IconMoon],
  ['auto', 'As the system', IconDeviceDesktop],
] as const;

/** Who is signed in, light or dark, the keys, and signing out. */
export function AccountMenu({ collapsed, onKeys }: { collapsed: boolean; onKeys: () => void }) {
  const me = use(MeContext);
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const toasts = useToasts();
  const name = me?.name ?? '';

  async function signOut() {
    try {
      await request('POST', '/auth/sign-out');
      queries.clear();
      window.location.assign('/sign-in');
    } catch (error) {
      toasts.fail('Signing out', error);
    }
  }

  return (
    <Menu position={collapsed ? 'right-end' : 'top-start'} width={220}>
      <Menu.Target>
        <button type="button" className={classes.account} aria-label={`Your account${name ? `: ${name}` : ''}`}>
          <IconUserCircle size={18} stroke={1.6} aria-hidden="true" />
          {!collapsed && <span>{name}</span>}
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {name && <Menu.Label>Signed in as {name}</Menu.Label>}
        {schemes.map(([value, label, Icon]) => (
          <Menu.Item
            key={value}
            leftSection={<Icon size={15} />}
            onClick={() => setColorScheme(value)}
            {...(colorScheme === value && { 'aria-current': 'true' as const, fw: 600 })}
          >
            {label}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconKeyboard size={15} />} onClick={onKeys}>
          Keys
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={15} />} onClick={() => void signOut()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

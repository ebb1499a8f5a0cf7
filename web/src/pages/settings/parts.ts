import { lazy, type ComponentType, type LazyExoticComponent } from 'react';

export interface Part {
  id: string;
  label: string;
  lead: string;
  permission?: string;
  page: LazyExoticComponent<ComponentType>;
}

/** The parts of the settings, in the order of their navigation. */
export const parts: Part[] = [
  { id: 'you', label: 'Your account', lead: 'How you sign in, and where you are signed in.', page: lazy(() => import('./You')) },
  { id: 'appearance', label: 'Appearance', lead: 'How the console looks on this machine.', page: lazy(() => import('./Appearance')) },
  { id: 'tokens', label: 'API tokens', lead: 'What programs use to call the API. Each is scoped, ends, and is shown once.', page: lazy(() => import('./Tokens')) },
  { id: 'people', label: 'People and roles', lead: 'Who may sign in, and what each may do where.', permission: 'accounts.manage', page: lazy(() => import('./People')) },
  { id: 'sign-on', label: 'Single sign-on', lead: 'Signing in with the account of your organisation.', permission: 'settings.manage', page: lazy(() => import('./Sso')) },
  { id: 'channels', label: 'Channels and routes', lead: 'Who is told what, by which way, and when.', permission: 'channels.manage', page: lazy(() => import('./Channels')) },
  { id: 'streams', label: 'Streams and checkpoints', lead: 'Where findings and records are passed on to, and where the state of the audit log is kept outside.', permission: 'channels.manage', page: lazy(() => import('./Streams')) },
  { id: 'sealing', label: 'Sealing key', lead: 'Under which key secrets are kept, and how it is replaced.', permission: 'settings.manage', page: lazy(() => import('./Sealing')) },
  { id: 'idle', label: 'Idle threshold', lead: 'After how long without use something counts as idle, and whom that concerns.', permission: 'settings.manage', page: lazy(() => import('./Idle')) },
  { id: 'retention', label: 'Retention', lead: 'What is kept for how long, and what was deleted because of it.', permission: 'settings.manage', page: lazy(() => import('./Retention')) },
];

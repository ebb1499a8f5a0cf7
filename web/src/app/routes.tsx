import { lazy, type ComponentType, type LazyExoticComponent } from 'react';
import {
  IconActivity,
  IconArrowsDiff,
  IconBuildingStore,
  IconFingerprint,
  IconFlag,
  IconGauge,
  IconGavel,
  IconKey,
  IconListCheck,
  IconPlugConnected,
  IconRoute,
  IconSettings,
  IconUsers,
  type Icon,
} from '@tabler/icons-react';

export interface Route {
  /** The path with its parameters, such as /identities/:id. */
  path: string;
  page: LazyExoticComponent<ComponentType>;
  /** The entry in the navigation. A page without one is reached by links and the palette. */
  nav?: {
    label: string;
    icon: Icon;
    /** The figure beside it, by its name in the answer of GET /overview (attention). */
    badge?: string;
    /** Stands in the bottom bar of narrow screens; the others are behind "More". */
    bar?: boolean;
  };
  /** Without this permission the page and its entry do not exist for the caller. */
  permission?: string;
  /** Shown without the frame and without being signed in. */
  bare?: boolean;
  /** The keys that go there after g, such as "i". */
  key?: string;
  /** Further words by which the palette finds it. */
  words?: string;
}

/** Every page of the console, in the order of the navigation. */
export const routes: Route[] = [
  {
    path: '/',
    page: lazy(() => import('@/pages/overview')),
    nav: { label: 'Overview', icon: IconGauge, bar: true },
    permission: 'inventory.read',
    key: 'o',
    words: 'home start dashboard figures',
  },
  {
    path: '/identities',
    page: lazy(() => import('@/pages/identities')),
    nav: { label: 'Identities', icon: IconFingerprint, badge: 'identities', bar: true },
    permission: 'inventory.read',
    key: 'i',
    words: 'accounts roles service apps workloads',
  },
  { path: '/identities/:id', page: lazy(() => import('@/pages/identities/identity')), permission: 'inventory.read' },
  {
    path: '/credentials',
    page: lazy(() => import('@/pages/credentials')),
    nav: { label: 'Credentials', icon: IconKey },
    permission: 'inventory.read',
    key: 'c',
    words: 'keys tokens passwords certificates secrets expiry calendar',
  },
  { path: '/credentials/:id', page: lazy(() => import('@/pages/credentials/credential')), permission: 'inventory.read' },
  {
    path: '/usage',
    page: lazy(() => import('@/pages/usage')),
    nav: { label: 'Usage', icon: IconActivity },
    permission: 'inventory.read',
    key: 'u',
    words: 'used unused dormant idle active never evidence verdict',
  },
  { path: '/usage/events', page: lazy(() => import('@/pages/usage/EventsPage')), permission: 'inventory.read' },
  {
    path: '/findings',
    page: lazy(() => import('@/pages/findings')),
    nav: { label: 'Findings', icon: IconFlag, badge: 'findings', bar: true },
    permission: 'inventory.read',
    key: 'f',
    words: 'risks problems triage issues',
  },
  { path: '/findings/:id', page: lazy(() => import('@/pages/findings/finding')), permission: 'inventory.read' },
  {
    path: '/rules',
    page: lazy(() => import('@/pages/rules')),
    nav: { label: 'Rules', icon: IconGavel },
    permission: 'rules.read',
    key: 'r',
    words: 'conditions policies cel cases owasp',
  },
  { path: '/rules/:id', page: lazy(() => import('@/pages/rules/rule')), permission: 'rules.read' },
  {
    path: '/access',
    page: lazy(() => import('@/pages/access')),
    nav: { label: 'Access', icon: IconRoute },
    permission: 'inventory.read',
    key: 'x',
    words: 'who can permissions escalation paths attack blast radius reach choke points cuts',
  },
  {
    path: '/owners',
    page: lazy(() => import('@/pages/owners')),
    nav: { label: 'Owners', icon: IconUsers, badge: 'unowned' },
    permission: 'inventory.read',
    key: 'w',
    words: 'teams people responsible unowned queue',
  },
  { path: '/owners/queue', page: lazy(() => import('@/pages/owners/queue')), permission: 'inventory.read' },
  { path: '/owners/rules', page: lazy(() => import('@/pages/owners/rules')), permission: 'inventory.read' },
  { path: '/owners/of/:id', page: lazy(() => import('@/pages/owners/owner')), permission: 'inventory.read' },
  {
    path: '/third-parties',
    page: lazy(() => import('@/pages/thirdparties')),
    nav: { label: 'Third parties', icon: IconBuildingStore },
    permission: 'inventory.read',
    key: 't',
    words: 'vendors suppliers external partners oauth apps',
  },
  {
    path: '/changes',
    page: lazy(() => import('@/pages/changes')),
    nav: { label: 'Changes', icon: IconArrowsDiff },
    permission: 'inventory.read',
    key: 'h',
    words: 'history feed new gone',
  },
  {
    path: '/sources',
    page: lazy(() => import('@/pages/sources')),
    nav: { label: 'Sources', icon: IconPlugConnected, badge: 'sources' },
    permission: 'sources.read',
    key: 's',
    words: 'connectors scans accounts clusters collectors coverage',
  },
  { path: '/sources/new', page: lazy(() => import('@/pages/sources/new')), permission: 'sources.manage' },
  { path: '/sources/scans', page: lazy(() => import('@/pages/sources/scans')), permission: 'sources.read' },
  { path: '/sources/logs', page: lazy(() => import('@/pages/sources/logs')), permission: 'sources.read' },
  { path: '/sources/collectors', page: lazy(() => import('@/pages/sources/collectors')), permission: 'sources.manage' },
  { path: '/sources/:name', page: lazy(() => import('@/pages/sources/source')), permission: 'sources.read' },
  {
    path: '/audit',
    page: lazy(() => import('@/pages/audit')),
    nav: { label: 'Audit log', icon: IconListCheck },
    permission: 'audit.read',
    key: 'a',
    words: 'records log verify chain history',
  },
  {
    path: '/settings',
    page: lazy(() => import('@/pages/settings')),
    nav: { label: 'Settings', icon: IconSettings },
    key: ',',
    words: 'people roles tokens channels account password passkey single sign-on retention appearance',
  },
  { path: '/settings/:part', page: lazy(() => import('@/pages/settings')) },
  { path: '/device', page: lazy(() => import('@/pages/device')) },
  { path: '/sign-in', page: lazy(() => import('@/pages/signin')), bare: true },
  { path: '/enrol', page: lazy(() => import('@/pages/signin/enrolpage')), bare: true },
  { path: '/setup', page: lazy(() => import('@/pages/setup')), bare: true },
  { path: '/invitation', page: lazy(() => import('@/pages/signin/invitation')), bare: true },
];

import { lazy, type ComponentType, type LazyExoticComponent } from 'react';
import {
  IconArrowsDiff,
  IconFingerprint,
  IconGauge,
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
    path: '/changes',
    page: lazy(() => import('@/pages/changes')),
    nav: { label: 'Changes', icon: IconArrowsDiff },
    permission: 'inventory.read',
    key: 'h',
    words: 'history feed new gone',
  },
];

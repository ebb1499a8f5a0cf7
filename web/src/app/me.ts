import { useQuery } from '@tanstack/react-query';
import { createContext, use } from 'react';
import { get } from '@/api/client';
import type { components } from '@/api/schema';

/** Who is signed in and what they may do. */
export type Me = components['schemas']['Me'] & { demo?: boolean };

export const MeContext = createContext<Me | undefined>(undefined);

export const useMeQuery = () => useQuery<Me>({ queryKey: ['/me'], queryFn: ({ signal }) => get<Me>('/me', {}, signal), staleTime: 60_000, refetchInterval: (q) => (q.state.data?.demoStep ? 2000 : false) });

/** Whether the caller has a permission, such as "inventory.edit". The server decides again. */
export function useCan() {
  const me = use(MeContext);
  return (permission: string) => me?.permissions?.includes(permission) ?? false;
}

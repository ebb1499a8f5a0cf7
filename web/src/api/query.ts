import { keepPreviousData, QueryClient, useQuery, type UseQueryOptions } from '@tanstack/react-query';
import { useAsOf } from '@/app/asof';
import { get } from './client';
import { Problem } from './problem';

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      gcTime: 10 * 60_000,
      // What cannot succeed is not repeated; what may is, with growing waits.
      retry: (failures, error) => {
        const { status } = Problem.of(error);
        return failures < 3 && (status === 0 || status === 429 || status >= 502);
      },
      retryDelay: (n) => Math.min(1000 * 2 ** n, 15_000),
      refetchOnWindowFocus: true,
    },
  },
});

type Query = Record<string, string | number | boolean | undefined | null | string[]>;

/** Reads one resource, as of the date that the console is switched to. */
export function useGet<T>(
  path: string | undefined,
  query: Query = {},
  options: Partial<UseQueryOptions<T, Error>> & { keep?: boolean } = {},
) {
  const { asOf } = useAsOf();
  const { keep, ...rest } = options;
  return useQuery<T, Error>({
    queryKey: [path, query, asOf],
    queryFn: ({ signal }) => get<T>(path ?? '', query, signal),
    enabled: path !== undefined,
    ...(keep && { placeholderData: keepPreviousData }),
    ...rest,
  });
}

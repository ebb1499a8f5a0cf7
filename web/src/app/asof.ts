import { useCallback } from 'react';
import { useSearchParams } from 'wouter';

// The date that the console shows stands in the address as as_of, so that a
// link shows the same to everybody who follows it.
const name = 'as_of';

/** The date that the console is switched to, or nothing for now. */
export function currentAsOf(): string | undefined {
  return new URLSearchParams(location.search).get(name) ?? undefined;
}

export function useAsOf() {
  const [params, setParams] = useSearchParams();
  const asOf = params.get(name) ?? undefined;
  const setAsOf = useCallback(
    (value: string | undefined) =>
      setParams((old) => {
        const next = new URLSearchParams(old);
        if (value) next.set(name, value);
        else next.delete(name);
        next.delete('cursor');
        return next;
      }),
    [setParams],
  );
  return { asOf, setAsOf };
}

import { useCallback, type AnchorHTMLAttributes, type ReactNode, type Ref } from 'react';
import { Link as Anchor, useLocation } from 'wouter';
import { currentAsOf, useAsOf } from './asof';

/** Adds the date that the console shows to an address inside it. */
export function withAsOf(to: string, asOf: string | undefined): string {
  if (!asOf || /[?&]as_of=/.test(to)) return to;
  return `${to}${to.includes('?') ? '&' : '?'}as_of=${encodeURIComponent(asOf)}`;
}

interface LinkProps extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href'> {
  to: string;
  children: ReactNode;
  ref?: Ref<HTMLAnchorElement>;
}

/** A link inside the console. It keeps the date that the console shows. */
export function Link({ to, children, ...rest }: LinkProps) {
  const { asOf } = useAsOf();
  return (
    <Anchor href={withAsOf(to, asOf)} {...rest}>
      {children}
    </Anchor>
  );
}

/** Goes to an address inside the console, keeping the date that it shows. */
export function useGo() {
  const [, navigate] = useLocation();
  return useCallback(
    (to: string, options?: { replace?: boolean }) => navigate(withAsOf(to, currentAsOf()), options),
    [navigate],
  );
}

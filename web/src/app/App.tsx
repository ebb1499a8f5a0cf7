import { Suspense } from 'react';
import { Route, Switch, useLocation } from 'wouter';
import { Problem } from '@/api/problem';
import { Failed } from '@/components/States';
import { Frame } from '@/frame/Frame';
import { NotFound } from '@/frame/NotFound';
import { PageBoundary } from '@/frame/PageBoundary';
import { PageSkeleton } from '@/frame/PageSkeleton';
import { SessionKeeper } from '@/pages/signin/SessionKeeper';
import { MeContext, useMeQuery } from './me';
import { routes } from './routes';

const bare = routes.filter((r) => r.bare);
const framed = routes.filter((r) => !r.bare);

/** Shows the page of the address: bare ones as they are, the others in the frame once it is known who looks. */
export function App() {
  return (
    <Switch>
      {bare.map((r) => (
        <Route key={r.path} path={r.path}>
          <Suspense fallback={null}>
            <r.page />
          </Suspense>
        </Route>
      ))}
      <Route>
        <SignedIn />
      </Route>
    </Switch>
  );
}

function SignedIn() {
  const me = useMeQuery();
  const [location] = useLocation();
  const keeper = <SessionKeeper known={me.data !== undefined} />;

  if (me.error && !me.data) {
    // Signing in, or setting up a second factor, comes first.
    if (Problem.of(me.error).status === 401 || Problem.of(me.error).type.endsWith(':enrol-second-factor')) return keeper;
    return <Failed what="The console" error={me.error} retry={() => void me.refetch()} />;
  }
  const may = (permission?: string) => !permission || (me.data?.permissions?.includes(permission) ?? true);
  return (
    <MeContext value={me.data}>
      {keeper}
      <Frame>
        <PageBoundary at={location}>
          <Suspense fallback={<PageSkeleton />}>
            {me.data ? (
              <Switch>
                {framed
                  .filter((r) => may(r.permission))
                  .map((r) => (
                    <Route key={r.path} path={r.path}>
                      <r.page />
                    </Route>
                  ))}
                <Route>
                  <NotFound />
                </Route>
              </Switch>
            ) : (
              <PageSkeleton />
            )}
          </Suspense>
        </PageBoundary>
      </Frame>
    </MeContext>
  );
}

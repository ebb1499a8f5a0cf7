import type { APIRequestContext } from '@playwright/test';

interface Verdict {
  id: string;
}

interface Unused {
  unused: { document?: string }[] | null;
}

const seen = async (request: APIRequestContext, of: 'identities' | 'credentials') =>
  ((await (await request.get(`/api/v1/verdicts?of=${of}&status=active&grade=B`)).json()) as { items: Verdict[] }).items;

interface Use {
  consumers: unknown[] | null;
  actions: unknown[] | null;
  signals: unknown[] | null;
}

/** The thing of the sample company of which a log shows the most: consumers, actions and signals on good evidence. */
export async function logged(request: APIRequestContext, of: 'identities' | 'credentials'): Promise<string> {
  let best = { id: '', n: -1 };
  for (const { id } of await seen(request, of)) {
    const u = (await (await request.get(`/api/v1/${of}/${id}/usage`)).json()) as Use;
    const [consumers, actions, signals] = [u.consumers ?? [], u.actions ?? [], u.signals ?? []].map((l) => l.length) as [number, number, number];
    const n = Math.min(consumers, 2) * 1000 + Math.min(actions, 6) * 100 + Math.min(signals, 1) * 250 + consumers + actions + signals;
    if (n > best.n) best = { id, n };
  }
  return best.id;
}

/** An identity of the sample company of which a good log shows that it does not use what a document grants it. */
export async function overgranted(request: APIRequestContext): Promise<string> {
  for (const { id } of await seen(request, 'identities')) {
    const { unused } = (await (await request.get(`/api/v1/identities/${id}/unused-grants`)).json()) as Unused;
    if (unused?.some((g) => g.document)) return id;
  }
  return '';
}

// What the API says about third parties, in the words of its document.

export interface ThirdPartyAccess {
  id: string;
  name: string;
  kind: string;
  source: string;
  how: string;
  account?: string;
  externalId: string;
  conditions: string[] | null;
  granted: string[] | null;
  grantedMore?: number;
  privileged?: boolean;
  use: { status: string; lastUsed?: string; grade: string; reason: string };
  owner?: string;
  since?: string;
  environment?: string;
  review?: { reviewDate?: string; endDate?: string; purpose?: string };
}

export interface ThirdParty {
  vendor: string;
  nameKnown: boolean;
  organizationKnown: boolean;
  access: ThirdPartyAccess[] | null;
  privileged: number;
  missingExternalId: number;
  unowned: number;
  lastUsed?: string;
  neverUsed: number;
  useUnknown: number;
  owners: string[] | null;
  findings: Record<string, number> | null;
}

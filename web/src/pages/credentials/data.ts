// What the API says about credentials (store.ListRow), in the words of its document.

export interface CredentialRow {
  id: string;
  source: string;
  kind: string;
  key: string;
  name: string;
  realm: string;
  subtype?: string;
  state?: string;
  environment?: string;
  owner?: string;
  createdAt?: string;
  expiresAt?: string;
  lastUsed?: string;
  firstSeen?: string;
  goneAt?: string;
  holder?: string;
  holderName?: string;
  containerName?: string;
  priority: number;
  findings?: Record<string, number>;
}

/** The kinds of credential, in the order of the documents. */
export const credentialKinds = [
  'access_key',
  'api_key',
  'personal_access_token',
  'service_account_token',
  'oauth_token',
  'refresh_token',
  'client_secret',
  'session_token',
  'jwt',
  'password',
  'connection_string',
  'certificate',
  'private_key',
  'ssh_key',
  'ssh_host_key',
  'ssh_certificate',
  'signing_key',
  'webhook_secret',
  'shared_access',
  'keytab',
  'federated_trust',
  'secret',
];

export interface Placement {
  place: {
    kind: string;
    realm: string;
    container?: unknown;
    path: string;
    field?: string;
    line?: number;
    commit?: string;
  };
  exposure?: string;
  confidence?: string;
  detector?: string;
  reference?: boolean;
  historic?: boolean;
  author?: string;
  at?: string;
}

export interface Use {
  kind?: string;
  at?: string;
  by?: unknown;
}

export interface Named {
  id?: string;
  kind: string;
  name: string;
  key?: string;
}

export interface CredentialDetail extends CredentialRow {
  fact: {
    kind: string;
    subtype?: string;
    rotatedAt?: string;
    notBefore?: string;
    neverExpires?: boolean;
    shortLived?: boolean;
    scopes?: string[];
    algorithm?: string;
    bits?: number;
    publicKey?: string;
    certificate?: { issuer?: string; subject?: string; serial?: string; sans?: string[]; ca?: boolean; selfSigned?: boolean };
    token?: { issuer?: string; subject?: string; audience?: string[] };
    labels?: Record<string, string>;
    attrs?: Record<string, unknown>;
  };
  placements: Placement[] | null;
  holders: Named[] | null;
  use: { status: string; lastUsed?: string; grade: string; reason: string };
  samePublicKey: number;
  seenAt?: string;
}

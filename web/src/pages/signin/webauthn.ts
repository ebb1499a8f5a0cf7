// Passkeys: the JSON that the server speaks (WebAuthn Level 3, section 5.1) to the objects of the
// browser and back. Browsers have parseCreationOptionsFromJSON, but not yet all of them.

type Json = Record<string, unknown>;

function toBytes(text: string): ArrayBuffer {
  const base64 = text.replace(/-/g, '+').replace(/_/g, '/');
  const raw = atob(base64.padEnd(Math.ceil(base64.length / 4) * 4, '='));
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i += 1) bytes[i] = raw.charCodeAt(i);
  return bytes.buffer;
}

function toText(buffer: ArrayBuffer | null | undefined): string | undefined {
  if (!buffer) return undefined;
  let raw = '';
  for (const byte of new Uint8Array(buffer)) raw += String.fromCharCode(byte);
  return btoa(raw).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

function descriptors(list: unknown): PublicKeyCredentialDescriptor[] | undefined {
  if (!Array.isArray(list)) return undefined;
  return list.map((d: Json) => ({ ...d, id: toBytes(String(d.id)) }) as unknown as PublicKeyCredentialDescriptor);
}

/** The options may stand alone or under "publicKey", as CredentialCreation has them. */
function inner(options: unknown): Json {
  const o = options as Json;
  return (o.publicKey ?? o) as Json;
}

/** Whether this browser can use passkeys at all; only on https and on localhost. */
export function passkeysSupported(): boolean {
  return typeof window.PublicKeyCredential === 'function' && !!navigator.credentials;
}

/** Asks the browser to make a passkey and returns it as JSON for the server. */
export async function createPasskey(options: unknown): Promise<Json> {
  const o = inner(options);
  const user = o.user as Json;
  const made = (await navigator.credentials.create({
    publicKey: {
      ...(o as unknown as PublicKeyCredentialCreationOptions),
      challenge: toBytes(String(o.challenge)),
      user: { ...(user as unknown as PublicKeyCredentialUserEntity), id: toBytes(String(user.id)) },
      excludeCredentials: descriptors(o.excludeCredentials),
    },
  })) as PublicKeyCredential | null;
  if (!made) throw new Error('The browser made no passkey.');
  const response = made.response as AuthenticatorAttestationResponse;
  return {
    id: made.id,
    rawId: toText(made.rawId),
    type: made.type,
    authenticatorAttachment: made.authenticatorAttachment ?? undefined,
    clientExtensionResults: made.getClientExtensionResults(),
    response: {
      clientDataJSON: toText(response.clientDataJSON),
      attestationObject: toText(response.attestationObject),
      transports: response.getTransports?.(),
    },
  };
}

/** Asks the browser to sign with a passkey and returns the answer as JSON for the server. */
export async function askPasskey(options: unknown, signal?: AbortSignal): Promise<Json> {
  const o = inner(options);
  const got = (await navigator.credentials.get({
    signal,
    publicKey: {
      ...(o as unknown as PublicKeyCredentialRequestOptions),
      challenge: toBytes(String(o.challenge)),
      allowCredentials: descriptors(o.allowCredentials),
    },
  })) as PublicKeyCredential | null;
  if (!got) throw new Error('The browser offered no passkey.');
  const response = got.response as AuthenticatorAssertionResponse;
  return {
    id: got.id,
    rawId: toText(got.rawId),
    type: got.type,
    authenticatorAttachment: got.authenticatorAttachment ?? undefined,
    clientExtensionResults: got.getClientExtensionResults(),
    response: {
      clientDataJSON: toText(response.clientDataJSON),
      authenticatorData: toText(response.authenticatorData),
      signature: toText(response.signature),
      userHandle: toText(response.userHandle),
    },
  };
}

/** What to tell a person when the browser's dialogue ended without a passkey. */
export function passkeyProblem(error: unknown): string {
  const name = error instanceof DOMException ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
      return 'The passkey dialogue was closed or timed out. Nothing was changed; try again.';
    case 'InvalidStateError':
      return 'This device already has a passkey for this account.';
    case 'SecurityError':
      return `Passkeys do not work at this address (${window.location.host}). Open the console at the address it is set up for.`;
    case 'AbortError':
      return '';
    default:
      return error instanceof Error ? error.message : 'The passkey could not be used.';
  }
}

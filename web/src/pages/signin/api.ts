// The calls by which people prove who they are, in one place.
import { get, request } from '@/api/client';
import { createPasskey, askPasskey } from './webauthn';

/** What comes after a step of signing in. */
export type Next = 'done' | 'code' | 'passkey' | 'enrol';

export interface Provider {
  id: string;
  name: string;
}

export interface Methods {
  /** Nobody has an account yet. */
  setUp: boolean;
  providers: Provider[] | null;
}

/** By what the account of the caller signs in. */
export interface Factors {
  hasPassword: boolean;
  hasTotp: boolean;
  passkeys: { id: string; name: string; createdAt: string; lastUsed?: string }[] | null;
  recoveryCodes: number;
  singleSignOn: boolean;
}

export const factors = () => get<Factors>('/auth/factors');

export async function methods(): Promise<Methods> {
  return get<Methods>('/auth/methods');
}

export async function signInPassword(login: string, password: string): Promise<Next> {
  const { data } = await request<{ next: Next }>('POST', '/auth/sign-in/password', { body: { login, password } });
  return data.next;
}

export async function signInCode(code: string): Promise<Next> {
  const { data } = await request<{ next: Next }>('POST', '/auth/sign-in/code', { body: { code } });
  return data.next;
}

/** Signs in by the link that the server printed on its terminal. */
export async function signInLink(token: string): Promise<Next> {
  return (await request<{ next: Next }>('POST', '/auth/sign-in/link', { body: { token } })).data.next;
}

export async function signInPasskey(signal?: AbortSignal): Promise<Next> {
  const begun = await request<{ options: unknown }>('POST', '/auth/sign-in/passkey/begin');
  const answer = await askPasskey(begun.data.options, signal);
  const { data } = await request<{ next: Next }>('POST', '/auth/sign-in/passkey/finish', { body: answer });
  return data.next;
}

export async function confirmCode(code: string): Promise<void> {
  await request('POST', '/auth/refresh-factor/code', { body: { code } });
}

/** Where there is no second factor yet, on this machine only. */
export async function confirmPassword(password: string): Promise<void> {
  await request('POST', '/auth/refresh-factor/password', { body: { password } });
}

export async function confirmPasskey(): Promise<void> {
  const begun = await request<{ options: unknown }>('POST', '/auth/refresh-factor/passkey/begin');
  const answer = await askPasskey(begun.data.options);
  await request('POST', '/auth/refresh-factor/passkey/finish', { body: answer });
}

/** The recovery codes, where they were made with it. */
export async function addPasskey(name: string): Promise<string[]> {
  const begun = await request<{ options: unknown }>('POST', '/auth/passkeys/begin', { body: { name } });
  const answer = await createPasskey(begun.data.options);
  const { data } = await request<{ codes?: string[] }>('POST', '/auth/passkeys/finish', { body: answer });
  return data.codes ?? [];
}

/** Leaves for the provider; the browser comes back signed in, or with what went wrong. */
export async function startProvider(provider: Provider, to: string): Promise<void> {
  const { data } = await request<{ url: string }>('POST', '/auth/sign-in/oidc/start', { body: { provider: provider.id, to } });
  window.location.assign(data.url);
}

export async function beginTotp(): Promise<{ url: string; secret: string }> {
  return (await request<{ url: string; secret: string }>('POST', '/auth/totp/begin')).data;
}

/** The recovery codes, where they were made with it. */
export async function finishTotp(code: string): Promise<string[]> {
  const { data } = await request<{ codes?: string[] }>('POST', '/auth/totp/finish', { body: { code } });
  return data.codes ?? [];
}

export async function setUp(body: { token: string; name: string; login: string; password: string }): Promise<Next> {
  return (await request<{ next: Next }>('POST', '/auth/setup', { body })).data.next;
}

export async function acceptInvitation(body: { token: string; name: string; password: string }): Promise<Next> {
  return (await request<{ next: Next }>('POST', '/auth/invitation', { body })).data.next;
}

export async function decideDevice(code: string, allow: boolean): Promise<void> {
  await request('POST', '/auth/device/approve', { body: { code, allow } });
}

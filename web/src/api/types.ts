import type { components } from './schema';

// The answers of the server under short names.
type S = components['schemas'];

export type ListRow = S['ListRow'];
export type IdentityDetail = S['IdentityDetail'];
export type OwnerSignal = S['OwnerSignal'];
export type Registration = S['Registration'];
export type Grant = S['Grant'];
export type GrantSentence = S['GrantSentence'];
export type GrantedAccess = S['GrantedAccess'];
export type HeldCredential = S['HeldCredential'];
export type TrustRow = S['TrustRow'];
export type Place = S['Place'];
export type PlacementRow = S['PlacementRow'];
export type FieldChange = S['FieldChange'];
export type Version = S['Version'];
export type StoredFact = S['Fact'];
export type FindingRow = S['FindingRow'];
export type Picture = S['Picture'];
export type PictureNode = S['PictureNode'];
export type PictureEdge = S['PictureEdge'];

/** An answer with items and, of long lists, the next page. */
export interface Items<T> {
  items: T[] | null;
  next?: string;
  total: number;
  totalIsMore: boolean;
}

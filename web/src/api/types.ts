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
export type AccessThing = S['AccessThing'];
export type AccessHop = S['AccessHop'];
export type AccessWay = S['AccessWay'];
export type AccessHolder = S['AccessHolder'];
export type AccessReason = S['Reason'];
export type AccessCondition = S['Condition'];
export type Held = S['Held'];
export type HeldAnswer = S['HeldAnswer'];
export type CanAnswer = S['CanAnswer'];
export type WhoCanAnswer = S['WhoCanAnswer'];
export type Escalation = S['Escalation'];
export type Escalations = S['Escalations'];
export type AccessWays = S['AccessWays'];
export type BlastRadius = S['BlastRadius'];
export type Cut = S['Cut'];
export type ChokePoints = S['ChokePoints'];
export type Without = S['Without'];
export type UsageAnswer = S['Usage'];
export type UsageDay = S['UsageDay'];
export type UsageAction = S['UsageAction'];
export type UsageConsumer = S['Recognised'];
export type UsageSharing = S['Sharing'];
export type UsedTouch = S['UsedTouch'];
export type UsageBlindSpot = S['BlindSpot'];
export type UsageWindow = S['Window'];
export type UsageSignal = S['Signal'];
export type NoticedSignal = S['NoticedSignal'];
export type UsageEventsAnswer = S['UsageEvents'];
export type UsageEventRow = S['UsageEvent'];
export type UnusedGrant = S['UnusedGrant'];
export type UnusedGrants = S['UnusedGrants'];
export type Simulated = S['Simulation'];
export type SimulatedLine = S['Line'];
export type SimulatedShare = S['Share'];
export type Proposed = S['RightSized'];
export type ProposedKept = S['Kept'];
export type ActivityLog = S['ActivityLog'];
export type ActivityLogs = S['ActivityLogs'];
export type LogWord = S['Attestation'];
export type EventStream = S['EventStream'];
export type UnlistedIdentity = S['UnlistedIdentity'];
export type VerdictLine = S['VerdictLine'];
export type Verdicts = S['Verdicts'];
export type VerdictShare = S['VerdictShare'];
export type UsageShares = S['UsageShares'];

/** An answer with items and, of long lists, the next page. */
export interface Items<T> {
  items: T[] | null;
  next?: string;
  total: number;
  totalIsMore: boolean;
}

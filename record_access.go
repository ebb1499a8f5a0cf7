package retinue

// The actions about people, their sessions and tokens, and what they may do.
// Subjects are ids of the platform, never names.
const (
	RecordSetUp               RecordAction = "installation.set_up"
	RecordSignedIn            RecordAction = "sign_in.succeeded"
	RecordSignInDenied        RecordAction = "sign_in.denied" // aggregated per minute and origin
	RecordSignedOut           RecordAction = "session.ended"
	RecordSessionRevoked      RecordAction = "session.revoked"
	RecordSessionReplayed     RecordAction = "session.replayed"
	RecordFactorConfirmed     RecordAction = "factor.confirmed"
	RecordFactorAdded         RecordAction = "factor.added"
	RecordFactorRemoved       RecordAction = "factor.removed"
	RecordPasswordSet         RecordAction = "password.set"
	RecordAccountCreated      RecordAction = "account.created"
	RecordAccountChanged      RecordAction = "account.changed"
	RecordAccountDeactivated  RecordAction = "account.deactivated"
	RecordAccountActivated    RecordAction = "account.activated"
	RecordAccountDeleted      RecordAction = "account.deleted"
	RecordAccountReset        RecordAction = "account.reset"
	RecordInvited             RecordAction = "invitation.created"
	RecordInvitationWithdrawn RecordAction = "invitation.withdrawn"
	RecordInvitationAccepted  RecordAction = "invitation.accepted"
	RecordGroupCreated        RecordAction = "group.created"
	RecordGroupChanged        RecordAction = "group.changed"
	RecordGroupDeleted        RecordAction = "group.deleted"
	RecordRoleBound           RecordAction = "role.bound"
	RecordRoleUnbound         RecordAction = "role.unbound"
	RecordTokenCreated        RecordAction = "token.created"
	RecordTokenRevoked        RecordAction = "token.revoked"
	RecordDeviceDecided       RecordAction = "device.decided"
	RecordSSOChanged          RecordAction = "single_sign_on.changed"
	RecordLinkMade            RecordAction = "link.created"
	RecordSealKey             RecordAction = "sealing_key.rotated"
	RecordResealed            RecordAction = "sealing_key.resealed" // every kept secret is under the current key
	RecordSealKeyRetired      RecordAction = "sealing_key.retired"
)

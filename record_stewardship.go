package retinue

// The actions about ownership, registrations and retention.
const (
	// RecordOwnershipRules: the list of ownership rules was changed.
	RecordOwnershipRules RecordAction = "ownership.rules_changed"
	// RecordOwnershipSettled: rules gave identities their owners.
	RecordOwnershipSettled RecordAction = "ownership.settled"
	// RecordOwnershipAssigned: a person gave many identities an owner at once.
	RecordOwnershipAssigned RecordAction = "ownership.assigned"
	// RecordOwnershipDenied: a person turned a suggested owner down.
	RecordOwnershipDenied RecordAction = "ownership.denied"
	// RecordUndone: a bulk action was taken back.
	RecordUndone RecordAction = "action.undone"
	// RecordRetentionSet: how long things are kept was changed.
	RecordRetentionSet RecordAction = "retention.set"
	// RecordIdleSet: after how long without use something is idle was changed.
	RecordIdleSet RecordAction = "idle.set"
	// RecordPruned: what was older than its time was deleted.
	RecordPruned RecordAction = "retention.pruned"
	// RecordPersonPurged: the personal data of a person was erased.
	RecordPersonPurged RecordAction = "person.purged"
	// RecordBackedUp: a backup was written.
	RecordBackedUp RecordAction = "backup.written"
	// RecordRestored: the installation was restored from a backup.
	RecordRestored RecordAction = "backup.restored"
)

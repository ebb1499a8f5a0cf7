package app

import "github.com/retinue-id/retinue/internal/web/api"

// Whole and the others are what the command line asks for here and at a server
// alike, in the words of the interface.
//
//nolint:revive // one comment for all of them
type (
	Whole             = api.Whole
	RuleText          = api.RuleText
	Owner             = api.Owner
	OwnerDetail       = api.OwnerDetail
	KnownCredential   = api.KnownCredential
	QueueItem         = api.QueueItem
	QueueQuery        = api.QueueQuery
	IdentityOwnership = api.IdentityOwnership
	OwnershipPeriod   = api.OwnershipPeriod
	OwnerAssignment   = api.OwnerAssignment
	AssignmentFilter  = api.AssignmentFilter
	AssignmentResult  = api.AssignmentResult
	UndoResult        = api.UndoResult
	OwnershipRuleSet  = api.OwnershipRuleSet
)

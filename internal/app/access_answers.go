package app

import "github.com/retinue-id/retinue/internal/web/api"

// What the interface answers about access is what the command line prints.
type (
	// AccessThing is [api.AccessThing].
	AccessThing = api.AccessThing
	// AccessHop is [api.AccessHop].
	AccessHop = api.AccessHop
	// AccessWay is [api.AccessWay].
	AccessWay = api.AccessWay
	// BlastRadius is [api.BlastRadius].
	BlastRadius = api.BlastRadius
	// BlastThing is [api.BlastThing].
	BlastThing = api.BlastThing
	// CanAnswer is [api.CanAnswer].
	CanAnswer = api.CanAnswer
	// HeldAnswer is [api.HeldAnswer].
	HeldAnswer = api.HeldAnswer
	// WhoCanAnswer is [api.WhoCanAnswer].
	WhoCanAnswer = api.WhoCanAnswer
	// AccessHolder is [api.AccessHolder].
	AccessHolder = api.AccessHolder
	// Cut is [api.Cut].
	Cut = api.Cut
	// CutGrant is [api.CutGrant].
	CutGrant = api.CutGrant
	// ChokePoints is [api.ChokePoints].
	ChokePoints = api.ChokePoints
	// ChokeThing is [api.ChokeThing].
	ChokeThing = api.ChokeThing
	// ChokeGrant is [api.ChokeGrant].
	ChokeGrant = api.ChokeGrant
	// Escalation is [api.Escalation].
	Escalation = api.Escalation
)

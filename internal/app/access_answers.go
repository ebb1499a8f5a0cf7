package app

import "github.com/retinue-id/retinue/internal/web/api"

// The answers about access, as the interface gives them and the command line
// prints them.
type (
	AccessThing  = api.AccessThing
	AccessHop    = api.AccessHop
	AccessWay    = api.AccessWay
	BlastRadius  = api.BlastRadius
	BlastThing   = api.BlastThing
	CanAnswer    = api.CanAnswer
	HeldAnswer   = api.HeldAnswer
	WhoCanAnswer = api.WhoCanAnswer
	AccessHolder = api.AccessHolder
	Cut          = api.Cut
	CutGrant     = api.CutGrant
	ChokePoints  = api.ChokePoints
	ChokeThing   = api.ChokeThing
	ChokeGrant   = api.ChokeGrant
	Escalation   = api.Escalation
)

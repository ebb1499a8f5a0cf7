package api

import "github.com/retinue-id/retinue"

// Picture is an identity in the middle, on the left what can act as it, on the
// right what it can reach. Of one kind at most twelve nodes are shown; the
// rest is a group that opens with ?expand=<id of the group>.
type Picture struct {
	Center string        `json:"center"`
	Nodes  []PictureNode `json:"nodes"`
	Edges  []PictureEdge `json:"edges"`
	// Truncated says that more hangs on the identity than was looked at.
	Truncated bool   `json:"truncated,omitempty"`
	Note      string `json:"note" doc:"What the picture shows, and what it does not"`
}

// PictureNode is a thing, or a group of things of a kind.
type PictureNode struct {
	ID     string           `json:"id"`
	Side   string           `json:"side" enum:"center,left,right"`
	Type   string           `json:"type" enum:"identity,credential,place,trustee,group,policy,resource,runner,more"`
	Kind   string           `json:"kind"`
	Name   string           `json:"name"`
	Entity retinue.EntityID `json:"entity,omitempty" doc:"Where there is a page of it"`
	Count  int              `json:"count,omitempty" doc:"Of a group: how many"`
	// Flag is what is worth knowing at a glance: third party, privileged, a
	// finding.
	Flag string `json:"flag,omitempty"`
}

// PictureEdge leads from who acts to what is acted on.
type PictureEdge struct {
	ID       string `json:"id"`
	From     string `json:"from"`
	To       string `json:"to"`
	Verb     string `json:"verb"`
	Sentence string `json:"sentence"`
}

type pictureInput struct {
	ID string `path:"id" maxLength:"64" doc:"The public id"`
	AsOfInput
	Expand []string `query:"expand,explode" maxItems:"20" doc:"Ids of groups that are shown in full (up to 200)"`
}

package retinue

import "time"

// Ids of what tells people and systems about findings.
type (
	// ChannelID names a way to tell somebody: chn_.
	ChannelID string
	// RouteID names a rule of who is told what: rte_.
	RouteID string
	// NoticeID names something worth telling: ntc_.
	NoticeID string
	// DeliveryID names one telling of a notice to one receiver: dlv_.
	DeliveryID string
	// TicketID names a ticket kept in another system: tkt_.
	TicketID string
	// PushID names a checkpoint put into one outside place: psh_.
	PushID string
)

// NewChannelID mints the id of a channel, a stream or a place for checkpoints.
func NewChannelID(now time.Time) ChannelID { return ChannelID("chn_" + newUUIDv7(now)) }

// NewRouteID mints a route's id.
func NewRouteID(now time.Time) RouteID { return RouteID("rte_" + newUUIDv7(now)) }

// NewNoticeID mints a notice's id.
func NewNoticeID(now time.Time) NoticeID { return NoticeID("ntc_" + newUUIDv7(now)) }

// NewDeliveryID mints a delivery's id.
func NewDeliveryID(now time.Time) DeliveryID { return DeliveryID("dlv_" + newUUIDv7(now)) }

// NewTicketID mints a ticket's id.
func NewTicketID(now time.Time) TicketID { return TicketID("tkt_" + newUUIDv7(now)) }

// NewPushID mints a push's id.
func NewPushID(now time.Time) PushID { return PushID("psh_" + newUUIDv7(now)) }

// The recorded actions about telling people and systems.
const (
	RecordChannelCreated     RecordAction = "channel.created"
	RecordChannelChanged     RecordAction = "channel.changed"
	RecordChannelDeleted     RecordAction = "channel.deleted"
	RecordChannelTested      RecordAction = "channel.tested"
	RecordRouteCreated       RecordAction = "route.created"
	RecordRouteChanged       RecordAction = "route.changed"
	RecordRouteDeleted       RecordAction = "route.deleted"
	RecordNoticeAcknowledged RecordAction = "notice.acknowledged"
	RecordDeliveryGivenUp    RecordAction = "delivery.given_up"
	RecordDeliveryRetried    RecordAction = "delivery.retried"
	RecordTicketWanted       RecordAction = "ticket.wanted"
	RecordTicketOpened       RecordAction = "ticket.opened"
	RecordTicketChanged      RecordAction = "ticket.changed"
	RecordCheckpointPushed   RecordAction = "checkpoint.pushed"
	RecordCheckpointFailed   RecordAction = "checkpoint.failed"
)

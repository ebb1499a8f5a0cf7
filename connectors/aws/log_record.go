package aws

import (
	"github.com/retinue-id/retinue/connector/logs"
)

// trailRecord is as much of a record of CloudTrail as is used. Its values are
// parts of the record's own bytes.
type trailRecord struct {
	version, time, source, name, region logs.Value
	address, agent, errorCode           logs.Value
	parameters, answer, additional      logs.Value
	id, kind, category, recipient       logs.Value
	resources, identity                 logs.Value
	vpcEndpoint, service, tls           logs.Value
	insight, readOnly, management       logs.Value
	consoleSession                      logs.Value

	// Wrappers hold the record under one of these.
	detail, message, inner logs.Value
	events                 logs.Value
	fields                 int
}

// read goes through the record once.
func (r *trailRecord) read(data []byte) error {
	*r = trailRecord{}
	f := logs.NewFields(data)
	for f.Next() {
		if to := r.field(f.Key); to != nil {
			*to = f.Value
			r.fields++
		}
	}
	return f.Err()
}

// field is where a member of the record goes. Exports of SQL tables write the
// names in lower case.
func (r *trailRecord) field(key []byte) *logs.Value {
	switch string(key) {
	case "eventVersion", "eventversion":
		return &r.version
	case "eventTime", "eventtime":
		return &r.time
	case "eventSource", "eventsource":
		return &r.source
	case "eventName", "eventname":
		return &r.name
	case "awsRegion", "awsregion":
		return &r.region
	case "sourceIPAddress", "sourceipaddress":
		return &r.address
	case "userAgent", "useragent":
		return &r.agent
	case "errorCode", "errorcode":
		return &r.errorCode
	case "requestParameters", "requestparameters":
		return &r.parameters
	case "responseElements", "responseelements":
		return &r.answer
	case "additionalEventData", "additionaleventdata":
		return &r.additional
	case "eventID", "eventid":
		return &r.id
	case "eventType", "eventtype":
		return &r.kind
	case "eventCategory", "eventcategory":
		return &r.category
	case "recipientAccountId", "recipientaccountid":
		return &r.recipient
	case "resources":
		return &r.resources
	case "userIdentity", "useridentity":
		return &r.identity
	case "vpcEndpointId", "vpcendpointid":
		return &r.vpcEndpoint
	}
	return r.rare(key)
}

func (r *trailRecord) rare(key []byte) *logs.Value {
	switch string(key) {
	case "serviceEventDetails", "serviceeventdetails":
		return &r.service
	case "tlsDetails", "tlsdetails":
		return &r.tls
	case "insightDetails", "insightdetails":
		return &r.insight
	case "readOnly", "readonly":
		return &r.readOnly
	case "managementEvent", "managementevent":
		return &r.management
	case "sessionCredentialFromConsole", "sessioncredentialfromconsole":
		return &r.consoleSession
	case "detail":
		return &r.detail
	case "message", "Message":
		return &r.message
	case "CloudTrailEvent", "eventJson", "eventjson", "eventData":
		return &r.inner
	case "logEvents", "Records":
		return &r.events
	}
	return nil
}

// recognised reports whether the record looks like one of CloudTrail's.
func (r *trailRecord) recognised() bool {
	has := 0
	for _, v := range []logs.Value{r.name, r.source, r.time, r.identity, r.id, r.version, r.recipient} {
		if !v.IsNull() {
			has++
		}
	}
	return has >= 3
}

// object is a value that is an object, also where it was written as text.
func object(v logs.Value) logs.Value {
	if v.IsObject() {
		return v
	}
	if raw, escaped := v.Raw(); len(raw) > 1 && raw[0] == '{' && escaped {
		return logs.Value(v.Text())
	}
	return nil
}

// list is a value that is an array, also where it was written as text.
func list(v logs.Value) logs.Value {
	if len(v) > 0 && v[0] == '[' {
		return v
	}
	if raw, _ := v.Raw(); len(raw) > 1 && raw[0] == '[' {
		return logs.Value(v.Text())
	}
	return nil
}

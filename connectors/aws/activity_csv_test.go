package aws

import (
	"bytes"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/logs"
)

func FuzzTrailCSV(f *testing.F) {
	f.Add([]byte("eventtime,eventname,eventsource,useridentity,eventid\n2026-01-02T03:04:05Z,GetObject,s3.amazonaws.com,\"{type=IAMUser, arn=arn:aws:iam::111111111111:user/x, sessioncontext={attributes={a=b}}}\",e\n"))
	f.Add([]byte("eventName,userIdentity.arn,useridentity_type,eventTime,eventSource\nx,\"[a, {b=c}]\",Root,2026-01-02 03:04:05,y\n\"eventjson\"\n"))
	f.Add([]byte("eventjson\n\"{\"\"eventName\"\":\"\"x\"\",\"\"eventTime\"\":\"\"2026-01-02T03:04:05Z\"\",\"\"eventSource\"\":\"\"y\"\"}\"\n"))
	tables, err := newTrailTables()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := newTrailCSV(tables, data[:min(len(data), 4096)])
		r := logs.NewReader(bytes.NewReader(data), logs.ReaderOptions{Format: logs.CSV})
		for range 1000 {
			rec, err := r.Next()
			if err != nil {
				return
			}
			var events []retinue.Event
			if events, err = c.Decode(events, rec); err != nil {
				continue
			}
			for i := range events {
				checkEvent(t, &events[i])
			}
		}
	})
}

func FuzzTrailBeside(f *testing.F) {
	f.Add([]byte(`{"trailList":[{"Name":"t","TrailARN":"arn:aws:cloudtrail:eu-west-1:111111111111:trail/t","IsMultiRegionTrail":true}]}`))
	f.Add([]byte(`{"TrailARN":"arn:aws:cloudtrail:eu-west-1:111111111111:trail/t","AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]}]}]}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		var c trailConfigs
		if _, err := c.Decode(nil, logs.Record{Data: data, Line: 1, Number: 1}); err == nil {
			_ = c.blindSpots("111111111111", 3)
		}
	})
}

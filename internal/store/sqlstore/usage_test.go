package sqlstore_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit"
)

// madeUp is a log of events of a few identities, in order.
type madeUp struct {
	behaviour []store.Behaviour
	events    []madeUpEvent
}

type madeUpEvent struct {
	hash      uint64
	at        int64
	behaviour int
	origin    uint32
}

func makeUp(seed uint64, identities, events int, from time.Time, span time.Duration) madeUp {
	r := rand.New(rand.NewPCG(seed, 7))
	var m madeUp
	const realm = retinue.Realm("aws:111111111111")
	for i := range identities {
		for _, action := range []string{"s3:GetObject", "sts:AssumeRole", "kms:Decrypt"} {
			m.behaviour = append(m.behaviour, store.Behaviour{Log: "aws.cloudtrail", Realm: realm, Class: retinue.EventManagement,
				Identity: retinue.NewRef(realm, "role", fmt.Sprintf("arn:aws:iam::111111111111:role/r%d", i)), Action: action, Outcome: retinue.OutcomeSuccess,
				Consumer: store.Consumer{Kind: "network", Name: fmt.Sprintf("10.0.%d.0/24", i%7), Agent: "boto3"}})
		}
	}
	for i := range events {
		m.events = append(m.events, madeUpEvent{hash: uint64(i) + seed<<32 + 1, at: from.Unix() + int64(i)*int64(span/time.Second)/int64(events),
			behaviour: r.IntN(len(m.behaviour)), origin: uint32(r.IntN(5))})
	}
	return m
}

// batch makes a batch of some events.
func (m madeUp) batch(input string, list []madeUpEvent) store.UsageBatch {
	b := store.UsageBatch{Log: "aws.cloudtrail", Input: input, Label: input, Position: connector.Position{Offset: int64(len(list))}}
	index := map[int]int32{}
	for _, e := range list {
		i, ok := index[e.behaviour]
		if !ok {
			i = int32(len(b.Behaviours))
			index[e.behaviour] = i
			b.Behaviours = append(b.Behaviours, m.behaviour[e.behaviour])
		}
		b.Events = append(b.Events, store.UsageEvent{Hash: e.hash, At: e.at, Behaviour: i, Origin: e.origin})
	}
	return b
}

func BenchmarkCountUsage(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			m := makeUp(1, 2000, 200_000, day(0), 48*time.Hour)
			for b.Loop() {
				b.StopTimer()
				addr := filepath.Join(b.TempDir(), "r.db")
				if kind == "postgres" {
					addr = testkit.Postgres(b).Database(b)
				}
				db, err := sqlstore.Open(b.Context(), addr, sqlstore.Options{})
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				for i := 0; i < len(m.events); i += connector.MaxActivityBatch {
					if _, err := db.CountUsage(b.Context(), m.batch("x", m.events[i:min(i+connector.MaxActivityBatch, len(m.events))])); err != nil {
						b.Fatal(err)
					}
				}
				b.StopTimer()
				_ = db.Close()
				b.StartTimer()
			}
			b.ReportMetric(float64(len(m.events)*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/retinue-id/retinue/internal/eventstream"
)

// streamCollector tells what an operator watches of streams of usage events, as
// it is when somebody looks.
type streamCollector struct{ app *App }

// Describe implements prometheus.Collector: which streams there are is known when
// they are asked for.
func (streamCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c streamCollector) Collect(to chan<- prometheus.Metric) {
	for _, s := range c.app.EventStreams() {
		for _, f := range streamFigures(s) {
			to <- prometheus.MustNewConstMetric(prometheus.NewDesc("retinue_stream_"+f.name, f.help, []string{"stream"}, nil), f.kind, f.value, s.Name)
		}
	}
}

type streamFigure struct {
	name, help string
	kind       prometheus.ValueType
	value      float64
}

func streamFigures(s eventstream.State) []streamFigure {
	up := 0.0
	if s.Connected && s.Error == "" {
		up = 1
	}
	const now, sum = prometheus.GaugeValue, prometheus.CounterValue
	return []streamFigure{
		{"up", "1 while the stream is read.", now, up},
		{"lag_messages", "Messages that no server was given yet.", now, float64(s.Lag)},
		{"unacknowledged_messages", "Messages that servers were given and have not counted yet.", now, float64(s.Unacknowledged)},
		{"messages_total", "Messages that this server was given.", sum, float64(s.Messages)},
		{"redelivered_total", "Messages among them that had been given out before.", sum, float64(s.Redelivered)},
		{"given_back_total", "Messages that could not be counted and were given back.", sum, float64(s.GivenBack)},
		{"events_total", "Events that were new.", sum, float64(s.New)},
		{"repeated_total", "Events that had been counted before.", sum, float64(s.Repeated)},
		{"late_total", "Events that were counted although it can no longer be told whether they had been.", sum, float64(s.LateUnverified)},
		{"faults_total", "What could not be read.", sum, float64(s.Faults)},
		{"dropped_total", "Messages that went out of the stream before they were read.", sum, float64(s.Dropped)},
	}
}

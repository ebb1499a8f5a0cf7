package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/retinue-id/retinue/internal/store"
)

// logMetrics are what an operator watches of the logs that are read by
// themselves.
type logMetrics struct {
	reads   *prometheus.CounterVec
	events  *prometheus.CounterVec
	faults  *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	read    *prometheus.GaugeVec
	failing *prometheus.GaugeVec
}

func newLogMetrics() *logMetrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"source"})
	}
	return &logMetrics{
		reads:   counter("retinue_log_reads_total", "Reads of logs by this server, by kind of source and how they ended: read, failed, stopped.", "kind", "ended"),
		events:  counter("retinue_log_events_total", "Events that this server read from logs, by kind of source: new, repeated, late, unknown.", "kind", "what"),
		faults:  counter("retinue_log_faults_total", "Records and files of logs that this server could not read, by kind of source.", "kind"),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "retinue_log_read_duration_seconds", Help: "How long reads of logs took.", Buckets: []float64{.01, .1, 1, 10, 60, 600, 3600}}, []string{"kind"}),
		read:    gauge("retinue_log_last_read_timestamp_seconds", "When the logs of a source were last read well, by any server."),
		failing: gauge("retinue_log_failures", "How many reads of the logs of a source failed since the last that went well."),
	}
}

// Collectors returns what to register.
func (m *logMetrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.reads, m.events, m.faults, m.seconds, m.read, m.failing}
}

func (m *logMetrics) ended(kind, how string, read ActivityRead, took time.Duration) {
	m.reads.WithLabelValues(kind, how).Inc()
	m.seconds.WithLabelValues(kind).Observe(took.Seconds())
	m.faults.WithLabelValues(kind).Add(float64(read.Faults))
	for what, n := range map[string]int64{"new": read.New, "repeated": read.Repeated, "late": read.LateUnverified, "unknown": read.Unknown} {
		m.events.WithLabelValues(kind, what).Add(float64(n))
	}
}

// sources tells how all logs stand.
func (m *logMetrics) sources(list []store.SourceLogs) {
	m.read.Reset()
	m.failing.Reset()
	for _, l := range list {
		if !l.ReadAt.IsZero() {
			m.read.WithLabelValues(l.Source.Name).Set(float64(l.ReadAt.UnixMicro()) / 1e6)
		}
		m.failing.WithLabelValues(l.Source.Name).Set(float64(l.Failures))
	}
}

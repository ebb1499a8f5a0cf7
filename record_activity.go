package retinue

// The actions about the logs of systems.
const (
	// RecordActivityRead: logs of a source were read, and what they tell counted.
	RecordActivityRead RecordAction = "activity.read"
	// RecordActivityAttested: somebody gave their word that what was read is all
	// that a log held in a stretch of time.
	RecordActivityAttested RecordAction = "activity.attested"
)

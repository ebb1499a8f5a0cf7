package retinue

// The actions about the logs of systems.
const (
	// RecordActivityRead: logs of a source were read, and what they tell counted.
	RecordActivityRead RecordAction = "activity.read"
	// RecordActivityAttested: somebody gave their word that what was read is all
	// that a log held in a stretch of time.
	RecordActivityAttested RecordAction = "activity.attested"
	// RecordActivityPushed: a collector pushed records of a log; once a day.
	RecordActivityPushed RecordAction = "activity.pushed"
	// RecordActivityHandedIn: logs that were read on another machine were handed in;
	// once an hour, and whenever it was said what they cover.
	RecordActivityHandedIn RecordAction = "activity.handed_in"
	// RecordActivityRefused: a collector pushed events of systems that it does not
	// speak for, or such with names of those; once an hour.
	RecordActivityRefused RecordAction = "activity.refused"
	// RecordActivityWithdrawn: such a word was taken back.
	RecordActivityWithdrawn RecordAction = "activity.withdrawn"
	// RecordActivityConfigured: which logs of a source are read by themselves was
	// set, changed or, without a target, ended.
	RecordActivityConfigured RecordAction = "activity.configured"
	// RecordActivityPaused and RecordActivityResumed: somebody wants the logs of a
	// source not read for now, or read again.
	RecordActivityPaused  RecordAction = "activity.paused"
	RecordActivityResumed RecordAction = "activity.resumed"
)

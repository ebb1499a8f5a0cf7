package retinue

// The actions about what the console and the interface do by themselves.
const (
	// RecordViewShared: a saved view was shown to everyone.
	RecordViewShared RecordAction = "view.shared"
	// RecordServerStarted and RecordServerStopped: the server began and ended.
	RecordServerStarted RecordAction = "server.started"
	RecordServerStopped RecordAction = "server.stopped"
)

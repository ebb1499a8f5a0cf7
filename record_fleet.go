package retinue

// The actions about sources, scans and collectors.
const (
	RecordSourceConfigured  RecordAction = "source.configured"
	RecordSourceChanged     RecordAction = "source.changed"
	RecordSourceRemoved     RecordAction = "source.removed"
	RecordSourceChecked     RecordAction = "source.checked"
	RecordSecretSet         RecordAction = "source.secret_set"
	RecordSecretRemoved     RecordAction = "source.secret_removed"
	RecordHookSet           RecordAction = "source.hook_set"
	RecordHookRemoved       RecordAction = "source.hook_removed"
	RecordScanRequested     RecordAction = "scan.requested"
	RecordScanCancelled     RecordAction = "scan.cancelled"
	RecordScanCrashed       RecordAction = "scan.crashed"
	RecordCollectorCreated  RecordAction = "collector.created"
	RecordCollectorChanged  RecordAction = "collector.changed"
	RecordCollectorRevoked  RecordAction = "collector.revoked"
	RecordHandInReceived    RecordAction = "hand_in.received"
	RecordHandInTaken       RecordAction = "hand_in.taken"
	RecordHandInRefused     RecordAction = "hand_in.refused" // facts of realms that the collector is not bound to
	RecordHandInInterrupted RecordAction = "hand_in.failed"
)

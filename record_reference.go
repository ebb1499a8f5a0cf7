package retinue

// The actions about reference data, such as the actions that a cloud knows.
const (
	// RecordReferenceUpdated: a newer file of it was brought in.
	RecordReferenceUpdated RecordAction = "reference.updated"
	// RecordReferenceReset: the copy in the program is in force again.
	RecordReferenceReset RecordAction = "reference.reset"
)

package store

import "time"

// Reference is a file of reference data that replaces the copy in the program.
type Reference struct {
	// Name says what the data is about, such as "aws".
	Name string
	// Date is the day of its content.
	Date time.Time
	// Body is the file as it came.
	Body []byte
	// RecordedAt is when it was brought in.
	RecordedAt time.Time
}

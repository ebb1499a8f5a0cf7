package rhythm

// String says the rhythm in words, such as "every day at 02:00 Europe/Berlin".
func (r Rhythm) String() string {
	switch r.Class {
	case ClassNone:
		return "never seen to act"
	case ClassUnknown:
		return "seen too few times to know a rhythm"
	}
	return string(r.Class)
}

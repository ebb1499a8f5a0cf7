package awsiam

// truth is the value of a part of the evaluation. The order makes min the
// conjunction: what is false is false whatever the rest says; what is not
// understood is not made better by what is open.
type truth uint8

const (
	no truth = iota
	// unclear: it hangs on something that is not understood.
	unclear
	// open: it hangs on the value of a condition key that is not known.
	open
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// or is the disjunction: what is true is true whatever the rest says.
func or(a, b truth) truth {
	switch {
	case a == yes || b == yes:
		return yes
	case a == unclear || b == unclear:
		return unclear
	}
	return max(a, b)
}

func and(a, b truth) truth { return min(a, b) }

func not(a truth) truth {
	switch a {
	case no:
		return yes
	case yes:
		return no
	}
	return a
}

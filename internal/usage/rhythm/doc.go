// Package rhythm learns when an identity acts, and says how sure it is that one
// has stopped.
//
// It is arithmetic over hours: it reads no clock, no file and no database. A
// caller makes one [Fitter] and asks it about each identity:
//
//	f := rhythm.NewFitter(rhythm.DefaultZones()...)
//	s := rhythm.Series{
//		Window: rhythm.Span{From: logFrom, To: logTo}, // what the log covers
//		Gaps:   missing,                               // where it covers nothing
//		Hours:  hours,                                 // hours in which it acted
//	}
//	r := f.Fit(s)                       // "every day at 02:00 Europe/Berlin"
//	due, latest := r.Next(last)         // when it should act again, and by when
//	c := rhythm.Silence(r, last, logTo, missing)
//	if c.Known && c.Level >= 0.99 { … } // stopped, wrong once in a hundred
//
// # What the confidence means
//
// Level is one minus Error, and Error is an upper bound on the share of
// identities of such a history which are still in use and yet fall silent for so
// long at least once in a year. It holds for a whole year of asking, not for one
// question, so that a verdict computed every day does not become wrong by being
// computed often. docs/usage-rhythm.md has the model and the measured errors.
package rhythm

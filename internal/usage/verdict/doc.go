// Package verdict says whether an identity or a credential is still used, on
// what evidence, and how sure that is.
//
// It is a pure function: it reads no clock, no file and no database. The caller
// gathers the evidence and asks:
//
//	f := rhythm.NewFitter(rhythm.DefaultZones()...)
//	v := verdict.Judge(f, verdict.Evidence{
//		Subject:  verdict.Subject{Ref: ref, Kind: retinue.IdentityRole, CreatedAt: made},
//		Uses:     rhythm.Series{Hours: hours},  // every attempt that was not refused
//		LastUse:  last, FirstUse: first,        // to the second, where known
//		Fields:   lastUsedFacts,                // what the source's own fields say
//		Coverage: coverage,                     // every log of the subject's realm
//		Grants:   actions, GrantsKnown: true,
//		Now:      now,
//	})
//	fmt.Println(v.Status, v.Grade, v.Reason)    // dormant A "silent since …"
//
// A verdict on an identity takes what all its credentials did; one on a
// credential takes what that one did, with the grants of its identity. Both are
// the same function.
//
// # Rules
//
// A verdict is never stronger than its data. Each moment of the stretch on which
// it rests is judged by the best single log that covers it, and the stretch is as
// good as its worst moment:
//
//   - A: the log is known to be complete and came by an authenticated way, and no
//     blind spot of it concerns this subject;
//   - B: as A, but for named blind spots that what the subject is granted does
//     not touch;
//   - C: a log that is not, or a last-used field of the source;
//   - D: neither.
//
// A second log can therefore only add, and a blind spot only take away.
package verdict

// Package behave notices what an identity or credential does that it did not use
// to do.
//
// It looks at one subject at a time: at the behaviours that package usage folded
// its events into, with their counts by hour, and at what it did to identities,
// credentials and logs. It replays them in order, so that each hour is compared
// with what came before it and never with what came after:
//
//	signals := behave.Detect(behave.Subject{Ref: ref, Kind: retinue.IdentityRole, Rhythm: r.Class}, used,
//		behave.Options{From: now.AddDate(0, 0, -7), Dismissed: dismissed})
//	for _, s := range signals {
//		fmt.Println(s.First, s.Severity, s.Sentence)
//	}
//	dismissed = append(dismissed, behave.Learn(signals[0])) // a person says that it is all right
//
// The same behaviours give the same signals with the same fingerprints, whenever
// and however often they are asked for.
//
// # What is noticed
//
//   - [FirstAction], [FirstService], [FirstRegion], [FirstNetwork], [FirstAgent]:
//     something new, once the baseline is old enough ([Options.Learn]) and so rich
//     that new things are rare in it. What is new together is one signal.
//   - [Volume]: a day far above all its days, by median and median absolute
//     deviation; nothing is assumed of how its days are spread.
//   - [DeniedBurst]: many refusals in an hour, or refusals of many different
//     things.
//   - [TwoPlaces]: used from two networks in one hour that never were used together.
//   - [HumanUse]: a machine's credential used with a tool of the keyboard, or in
//     office hours only, unlike the rest of its use.
//   - [TombstoneUse]: what is disabled, revoked, expired or gone was tried.
//   - [LoggingDisabled], [PrivilegeEdit], [Exposure]: a log was silenced,
//     permissions or credentials were changed, a resource was opened to others.
//
// docs/usage-behaviour.md has the rules with their figures and the measured
// precision and recall. Everything here is pure: no clock, no file, no database.
package behave

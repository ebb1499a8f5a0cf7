package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// Plant is one sort of thing that is planted in the enterprise.
type Plant string

// The plants.
const (
	PlantRetirements Plant = "retirements" // identities that stop for good
	PlantNewcomers   Plant = "newcomers"   // identities that begin within the stretch
	PlantShared      Plant = "shared"      // several consumers of one credential
	PlantHuman       Plant = "human"       // people who use a machine's credential
	PlantDeployments Plant = "deployments" // consumers that move or change their client
	PlantLeavers     Plant = "leavers"     // people who leave
	PlantLeaks       Plant = "leaks"       // keys used by an attacker
	PlantAttacks     Plant = "attacks"     // escalation, denied bursts, logging switched off
	PlantTombstones  Plant = "tombstones"  // use of what was retired
	PlantShadows     Plant = "shadows"     // identities that no export lists
	PlantGaps        Plant = "gaps"        // stretches that a log lost
	PlantBlindSpots  Plant = "blindspots"  // data events that are not logged
	PlantDisorder    Plant = "disorder"    // late, repeated and unordered deliveries
)

// Plants lists every plant.
func Plants() []Plant {
	return []Plant{PlantRetirements, PlantNewcomers, PlantShared, PlantHuman, PlantDeployments, PlantLeavers, PlantLeaks,
		PlantAttacks, PlantTombstones, PlantShadows, PlantGaps, PlantBlindSpots, PlantDisorder}
}

// Options say what to make.
type Options struct {
	Seed uint64
	// Identities is how many non-human identities there are, at least 10. People
	// and the identities of attackers come on top. The default is 200.
	Identities int
	// Days is how long the logs are, at least 2. The default is 90.
	Days int
	// End is the midnight in UTC with which the logs end. The default is
	// [DefaultEnd], so that equal options give equal bytes on any day.
	End time.Time
	// Out is the folder to write. It must be empty or absent.
	Out string
	// Without are the plants to leave out.
	Without []Plant
	// DigestHours is how many hours a digest of a trail covers, a part of a day.
	// The default is the one hour of CloudTrail itself. Signing them is a good part
	// of the work, so that whoever wants only the logs takes longer ones.
	DigestHours int
}

// Bounds of Options.
const (
	MinIdentities = 10
	MaxIdentities = 200_000
	MinDays       = 2
	MaxDays       = 3660
)

// DefaultEnd is when logs end unless Options say otherwise.
func DefaultEnd() time.Time { return time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC) }

// withDefaults fills in what was not given and reports what is not possible.
func (o Options) withDefaults() (Options, error) {
	if o.Identities == 0 {
		o.Identities = 200
	}
	if o.Days == 0 {
		o.Days = 90
	}
	if o.End.IsZero() {
		o.End = DefaultEnd()
	}
	if o.DigestHours == 0 {
		o.DigestHours = 1
	}
	o.End = o.End.UTC().Truncate(24 * time.Hour)
	switch {
	case o.Identities < MinIdentities || o.Identities > MaxIdentities:
		return o, fmt.Errorf("%w: generate: %d identities: want %d to %d", retinue.ErrInvalid, o.Identities, MinIdentities, MaxIdentities)
	case o.Days < MinDays || o.Days > MaxDays:
		return o, fmt.Errorf("%w: generate: %d days: want %d to %d", retinue.ErrInvalid, o.Days, MinDays, MaxDays)
	case o.DigestHours < 0 || 24%o.DigestHours != 0:
		return o, fmt.Errorf("%w: generate: digests of %d hours: want a part of 24", retinue.ErrInvalid, o.DigestHours)
	case o.Out == "":
		return o, fmt.Errorf("%w: generate: no folder to write to", retinue.ErrInvalid)
	}
	for _, p := range o.Without {
		if !slices.Contains(Plants(), p) {
			return o, fmt.Errorf("%w: generate: no plant %q: there are %s", retinue.ErrInvalid, p, PlantNames())
		}
	}
	return o, nil
}

// PlantNames lists the names of every plant, for help texts.
func PlantNames() string {
	names := make([]string, 0, len(Plants()))
	for _, p := range Plants() {
		names = append(names, string(p))
	}
	return strings.Join(names, ", ")
}

// plants reports whether a plant is wanted.
func (o Options) plants(p Plant) bool { return !slices.Contains(o.Without, p) }

// start is when the logs begin.
func (o Options) start() time.Time { return o.End.AddDate(0, 0, -o.Days) }

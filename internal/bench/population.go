package bench

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
)

// populate makes the identities, system by system.
func (e *enterprise) populate() {
	for _, s := range e.systems {
		for range cap(s.ids) {
			id := e.identity(s, len(e.ids))
			s.ids = append(s.ids, id)
			e.ids = append(e.ids, id)
		}
	}
}

// drawClass draws a class of rhythm, as often as each is.
func drawClass(d dice) RhythmClass {
	n := d.IntN(100)
	for _, c := range []struct {
		class   RhythmClass
		percent int
	}{
		{RhythmContinuous, 16}, {RhythmHourly, 10}, {RhythmNightly, 20}, {RhythmWeekdays, 12}, {RhythmWeekly, 11}, {RhythmMonthEnd, 8},
		{RhythmQuarterEnd, 4}, {RhythmYearly, 3}, {RhythmIrregular, 8}, {RhythmOneOff, 3},
	} {
		if n -= c.percent; n < 0 {
			return c.class
		}
	}
	return RhythmNever
}

func (e *enterprise) identity(s *system, n int) *identity {
	d := e.dice(wordIdentity, uint64(n))
	id := &identity{n: n, sys: s, app: pick(d, e.apps)}
	id.Log, id.Listed, id.Alive = s.stats.Log, true, true
	id.CreatedAt = e.from.AddDate(0, 0, -30-d.IntN(1500)).Add(time.Duration(d.IntN(86_400)) * time.Second)
	id.Rhythm.Class = drawClass(d)
	e.name(d, id)
	e.abilities(d, id)
	e.life(d, id)
	e.own(d, id)
	e.consume(d, id)
	return id
}

// name gives an identity its name, ref and credential.
func (e *enterprise) name(d dice, id *identity) {
	s := id.sys
	id.Name = fmt.Sprintf("%s-%s-%d", id.app.id, pick(d, []string{"api", "worker", "sync", "job", "export", "agent"}), id.n)
	switch s.kind {
	case kindAWS:
		if id.user = d.chance(40); id.user {
			id.Ref = retinue.NewRef(s.realm, "user", "arn:aws:iam::"+s.id+":user/"+id.Name)
			id.Credentials = []Credential{{Kind: retinue.CredentialAccessKey, ID: "AKIA" + d.word(base32, 16)}}
			return
		}
		id.Ref = retinue.NewRef(s.realm, "role", "arn:aws:iam::"+s.id+":role/"+id.Name)
	case kindKubernetes:
		id.Ref = retinue.NewRef(s.realm, "service_account", id.app.id+"/"+id.Name)
		id.Credentials = []Credential{{Kind: retinue.CredentialServiceToken}}
	case kindPostgres:
		id.Ref = retinue.NewRef(s.realm, "role", id.Name)
		id.Credentials = []Credential{{Kind: retinue.CredentialPassword}}
	case kindGitHub:
		id.Name += "-bot"
		id.Ref = retinue.NewRef(s.realm, "app", id.Name)
		id.Credentials = []Credential{{Kind: retinue.CredentialSessionToken, ID: id.tokenHash()}}
		id.Listed, id.Unconnected = false, true // no export lists the apps of an organisation
	case kindHost:
		id.Ref = retinue.NewRef(s.realm, "account", id.Name)
		_, blob := id.sshKey(e.opts.Seed)
		sum := sha256.Sum256(blob)
		id.Credentials = []Credential{{Kind: retinue.CredentialSSHKey, ID: "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])}}
	}
}

// tokenHash is by what GitHub's log names a token: the SHA-256 of its value in
// base64. There is no value here.
func (id *identity) tokenHash() string {
	sum := sha256.Sum256([]byte("token of " + id.Name))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// sshKey returns the public key of an account as the text of an authorized key
// and in SSH's wire form (RFC 8709). Nobody keeps the private one.
func (id *identity) sshKey(seed uint64) (line string, blob []byte) {
	sum := sha256.Sum256(fmt.Appendf(nil, "nhi-bench %d %d", seed, id.n))
	public := ed25519.NewKeyFromSeed(sum[:]).Public().(ed25519.PublicKey)
	for _, part := range [][]byte{[]byte("ssh-ed25519"), public} {
		blob = binary.BigEndian.AppendUint32(blob, uint32(len(part)))
		blob = append(blob, part...)
	}
	return "ssh-ed25519 " + base64.StdEncoding.EncodeToString(blob), blob
}

// abilities draws what an identity does and what it may do beyond that.
func (e *enterprise) abilities(d dice, id *identity) {
	var all []action
	switch id.sys.kind {
	case kindAWS:
		all = awsActions()
	case kindKubernetes:
		all = kubernetesActions()
	case kindPostgres:
		all = postgresActions()
	case kindGitHub:
		all = githubActions()
	case kindHost:
		all = sshActions()
	}
	d.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	n := min(len(all), 1+d.IntN(4))
	id.acts, id.ordinary = append(id.acts, all[:n]...), n
	id.extra = append(id.extra, all[n:min(len(all), n+d.IntN(4))]...)
	id.used = make([]bool, n)
}

// life draws when an identity begins and ends.
func (e *enterprise) life(d dice, id *identity) {
	class := id.Rhythm.Class
	if e.opts.plants(PlantNewcomers) && d.chance(8) {
		id.CreatedAt = e.within(d, 0.05, 0.85).Truncate(time.Second)
	}
	switch {
	case class == RhythmNever || class == RhythmOneOff:
		id.Alive = false
	case e.opts.plants(PlantRetirements) && d.chance(3):
		id.Alive = false
		id.DeadSince = e.from.AddDate(0, 0, -5-d.IntN(200)) // before the stretch
	case e.opts.plants(PlantRetirements) && d.chance(16):
		id.Alive = false
		id.DeadSince = e.within(d, 0.15, 0.98)
	}
	if !id.Alive {
		id.DeadSince = latest(id.DeadSince, id.CreatedAt)
	}
	if e.opts.plants(PlantShadows) && !id.Alive && class != RhythmNever && d.chance(12) {
		id.Listed = false // it was deleted before the export
	}
}

// own draws the owner and what shows of it. One trace in seven misleads.
func (e *enterprise) own(d dice, id *identity) {
	p := e.member(d, id.app.team)
	team := e.teams[id.app.team].id
	id.Owner = Owner{Person: p.email, Team: team}
	kind := map[string]string{kindAWS: "tag", kindKubernetes: "label", kindPostgres: "comment", kindHost: "key_comment", kindGitHub: "codeowners"}[id.sys.kind]
	if !d.chance(65) {
		return
	}
	signal := OwnerSignal{Kind: kind, Candidate: p.email, Right: true}
	switch n := d.IntN(100); {
	case n < 8:
		signal.Candidate = e.member(d, (id.app.team+1)%len(e.teams)).email
	case n < 15:
		if l := e.leaver(d); l != nil {
			signal.Candidate = l.email
		}
	case n < 45:
		signal.Candidate = team
	}
	signal.Right = signal.Candidate == p.email || signal.Candidate == team
	id.Owner.Signals = []OwnerSignal{signal}
}

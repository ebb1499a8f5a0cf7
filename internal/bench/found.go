package bench

import (
	"fmt"
	"path"

	"github.com/retinue-id/retinue"
)

// shares say how many of a hundred identities a kind of system has, and how many
// identities one such system has at most.
func shares() []struct {
	kind     string
	percent  int
	capacity int
} {
	return []struct {
		kind     string
		percent  int
		capacity int
	}{{kindAWS, 45, 150}, {kindKubernetes, 25, 300}, {kindPostgres, 12, 100}, {kindHost, 10, 8}, {kindGitHub, 8, 20_000}}
}

// found makes the systems, with room for the identities that each will have.
func (e *enterprise) found() {
	left := e.opts.Identities
	for i, s := range shares() {
		n := max(1, e.opts.Identities*s.percent/100)
		if i == len(shares())-1 {
			n = left
		}
		left -= n
		count := (n + s.capacity - 1) / s.capacity
		if s.kind == kindAWS {
			count = max(count, 2) // one of them with data events switched off
		}
		for k := range count {
			sys := e.system(s.kind, k)
			sys.ids = make([]*identity, 0, n*(k+1)/count-n*k/count)
			e.systems = append(e.systems, sys)
		}
	}
}

func (e *enterprise) system(kind string, k int) *system {
	d := e.dice(wordSystem, uint64(len(e.systems)))
	s := &system{kind: kind}
	var log string
	switch kind {
	case kindAWS:
		s.id, log = accountID(k), logCloudTrail
		s.name, s.folder = "account-"+s.id, "cloudtrail"
		s.realm = retinue.NewRealm("aws", s.id)
	case kindKubernetes:
		s.id, log = uuid(d.Uint64(), d.Uint64()), logKubernetes
		s.name = fmt.Sprintf("cluster-%d", k+1)
		s.realm = retinue.NewRealm("kubernetes", s.id)
	case kindPostgres:
		s.id, log = fmt.Sprintf("73%017d", d.Uint64()%1e17), logPostgres
		s.name = fmt.Sprintf("database-%d", k+1)
		s.realm = retinue.NewRealm("postgres", s.id)
	case kindGitHub:
		s.id, log = domainOrg, logGitHub
		s.name = domainOrg
		s.realm = retinue.NewRealm("forge", s.id)
	case kindHost:
		log = logSSH
		s.name = fmt.Sprintf("host-%03d", k+1)
		s.id = d.word(lowerHex, 32)
		s.realm = retinue.NewRealm("host", s.id)
	}
	if s.folder == "" {
		s.folder = path.Join(kind, s.name)
	}
	s.stats = Log{Log: log, Realm: s.realm, Folder: path.Join("logs", s.folder)}
	return s
}

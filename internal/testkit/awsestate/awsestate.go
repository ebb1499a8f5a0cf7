// Package awsestate makes up the AWS accounts of a large organisation with
// their policies, for measurements of what access costs: ten attachments an
// identity, over documents that most of them share. The same seed makes the
// same estate.
//
// One identity in two hundred is an administrator or can become one, by up to
// four steps; several times as many only look so, as a condition, a deny, a
// boundary or another resource stands in the way.
package awsestate

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// Size says how much to make.
type Size struct {
	Identities int
	Seed       uint64
}

// Made says what was made.
type Made struct {
	Accounts, Identities, Attachments, Memberships, Policies, Documents int
}

// perAccount is how many identities an account has.
const perAccount = 500

// documents is how many distinct documents there are at most: one for twenty
// identities, up to as many as a large organisation has.
func documents(identities int) int { return min(50_000, identities/20) }

// Make fills an empty database.
func Make(ctx context.Context, db *sqlstore.DB, size Size) (Made, error) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := &maker{Rand: rand.New(rand.NewPCG(size.Seed, 0x6177_7321)), size: size, texts: make(map[string]bool)}
	next, stop := iter.Pull(m.steps())
	defer stop()
	err := db.Load(ctx, sqlstore.Span{First: at.AddDate(0, 0, -60), Second: at}, func(l *sqlstore.Loader) (bool, error) {
		m.Loader = l
		err, more := next()
		return more, err
	})
	m.made.Documents = len(m.texts)
	if err != nil {
		return m.made, fmt.Errorf("make accounts: %w", err)
	}
	return m.made, nil
}

// maker makes an estate. What it keeps of an account is dropped with the next.
type maker struct {
	*sqlstore.Loader
	*rand.Rand
	size  Size
	made  Made
	ids   uint64
	texts map[string]bool

	shared  []retinue.Ref // what AWS manages
	pool    pool
	root    retinue.Ref
	control []retinue.Ref // the organisation's policies

	account
}

// account is the one in hand.
type account struct {
	number   int
	id       string
	realm    retinue.Realm
	own      retinue.Ref
	managed  []retinue.Ref
	boundary retinue.Ref
	groups   []retinue.Ref
	roles    []string // names
	added    []retinue.Ref
}

// steps makes the estate, some accounts at a time.
func (m *maker) steps() iter.Seq[error] {
	return func(yield func(error) bool) {
		if err := m.organisation(); err != nil {
			yield(err)
			return
		}
		m.made.Accounts = (m.size.Identities + perAccount - 1) / perAccount
		for i := range m.made.Accounts {
			n := min(perAccount, m.size.Identities-i*perAccount)
			if err := m.begin(i, n); err != nil {
				yield(err)
				return
			}
			const together = 20
			if i%together == 0 && !yield(nil) {
				return
			}
		}
	}
}

func (m *maker) id(f retinue.Fact) retinue.EntityID {
	m.ids++
	prefix, _ := retinue.EntityPrefix(f.FactType())
	return retinue.EntityID(fmt.Sprintf("%s01kj%022d", prefix, m.ids))
}

func (m *maker) add(f retinue.Fact) error {
	m.added = append(m.added, f.FactRef())
	return m.Add(f, sqlstore.Given{ID: m.id(f)})
}

func (m *maker) source(realm retinue.Realm, name string) error {
	m.ids++
	return m.Source(retinue.SourceID(fmt.Sprintf("src_01kj%022d", m.ids)), "aws", name, realm)
}

func (m *maker) policy(ref retinue.Ref, document string, managed retinue.Management) error {
	m.texts[document] = true
	m.made.Policies++
	return m.add(retinue.Policy{Ref: ref, Name: ref.Key[len(ref.Key)-min(20, len(ref.Key)):], Language: retinue.LanguageAWSIAM, Document: document, Managed: managed})
}

func (m *maker) attach(policy, target retinue.Ref, role retinue.AttachmentRole) error {
	m.made.Attachments++
	return m.Relate(retinue.Attachment{Policy: policy, Target: target, Role: role})
}

// organisation makes what the accounts share.
func (m *maker) organisation() error {
	const managed = 800
	m.pool = newPool(m.Rand, documents(m.size.Identities))
	if err := m.source("aws:aws", "aws-managed"); err != nil {
		return err
	}
	for i := range min(managed, len(m.pool.harmless)) {
		ref := retinue.NewRef("aws:aws", "policy", fmt.Sprintf("arn:aws:iam::aws:policy/Service%dAccess", i))
		if err := m.policy(ref, m.pool.harmless[i], retinue.ManagedByProvider); err != nil {
			return err
		}
		m.shared = append(m.shared, ref)
	}
	if err := m.source("aws:o-example", "organization"); err != nil {
		return err
	}
	m.root = retinue.NewRef("aws:o-example", "organization", "o-example")
	if err := m.add(retinue.Container{Ref: m.root, Name: "Example", Kind: retinue.ContainerOrganization}); err != nil {
		return err
	}
	for i, document := range controls {
		ref := retinue.NewRef("aws:o-example", "policy", fmt.Sprintf("arn:aws:organizations::999999999999:policy/o-example/service_control_policy/p-%08d", i))
		if err := m.policy(ref, document, ""); err != nil {
			return err
		}
		m.control = append(m.control, ref)
	}
	return m.attach(m.control[0], m.root, retinue.AttachServiceControl)
}

func (m *maker) arn(kind, name string) string {
	return "arn:aws:iam::" + m.account.id + ":" + kind + "/" + name
}

func (m *maker) ref(kind, name string) retinue.Ref {
	return retinue.NewRef(m.realm, kind, m.arn(kind, name))
}

// begin makes an account of n identities.
func (m *maker) begin(number, n int) error {
	for _, ref := range m.added {
		if ref.Realm == m.realm {
			m.Forget(ref)
		}
	}
	id := fmt.Sprintf("%012d", 100_000_000_000+number)
	m.account = account{number: number, id: id, realm: retinue.NewRealm("aws", id), added: m.added[:0]}
	if err := m.source(m.realm, "account-"+id); err != nil {
		return err
	}
	m.own = retinue.NewRef(m.realm, "account", id)
	if err := m.add(retinue.Container{Ref: m.own, Name: id, Kind: retinue.ContainerAccount, Parent: m.root}); err != nil {
		return err
	}
	for _, scp := range m.control[1:] {
		if m.IntN(3) == 0 {
			if err := m.attach(scp, m.own, retinue.AttachServiceControl); err != nil {
				return err
			}
		}
	}
	if err := m.attach(m.control[0], m.own, retinue.AttachServiceControl); err != nil {
		return err
	}
	if err := m.policies(); err != nil {
		return err
	}
	for i := range n {
		if err := m.identity(i, n); err != nil {
			return err
		}
	}
	return nil
}

// policies makes the account's own policies and groups.
func (m *maker) policies() error {
	const own, groups = 40, 8
	for i := range own {
		ref := m.ref("policy", fmt.Sprintf("team-%02d", i))
		document := m.pool.one(m.Rand)
		if i == 0 {
			document = boundaries[m.IntN(len(boundaries))]
			m.boundary = ref
		}
		if err := m.policy(ref, document, ""); err != nil {
			return err
		}
		if i > 0 {
			m.managed = append(m.managed, ref)
		}
	}
	for i := range groups {
		ref := m.ref("group", fmt.Sprintf("group-%d", i))
		if err := m.add(retinue.Group{Ref: ref, Name: ref.Key, Container: m.own}); err != nil {
			return err
		}
		inline := retinue.NewRef(m.realm, "policy", ref.Key+"#inline/self")
		if err := m.policy(inline, selfService, ""); err != nil {
			return err
		}
		if err := m.attach(inline, ref, retinue.AttachGroup); err != nil {
			return err
		}
		if err := m.attach(m.managed[m.IntN(len(m.managed))], ref, retinue.AttachGroup); err != nil {
			return err
		}
		m.groups = append(m.groups, ref)
	}
	return nil
}

package awsestate

import (
	"fmt"

	"github.com/retinue-id/retinue"
)

// chain is how many roles of an account lead to each other, the last of them to
// an administrator.
const chain = 4

// identity makes the i-th identity of an account, a role in three of five.
func (m *maker) identity(i, n int) error {
	role := i%5 < 3
	name := fmt.Sprintf("%s-%04d", []string{"app", "batch", "team/web", "ops", "team/data"}[m.IntN(5)], i)
	if i < chain {
		role, name = true, fmt.Sprintf("step-%d", i)
	}
	kind, identity := "user", retinue.IdentityUser
	if role {
		kind, identity = "role", retinue.IdentityRole
	}
	ref := m.ref(kind, name)
	f := retinue.Identity{Ref: ref, Name: name, Kind: identity, Subtype: "iam_" + kind, Class: retinue.ClassNonHuman, State: retinue.StateActive, Container: m.own}
	if m.IntN(10) < 3 {
		f.Labels = map[string]string{"team": fmt.Sprintf("team-%02d", m.IntN(20))}
	}
	m.made.Identities++
	if err := m.add(f); err != nil {
		return err
	}
	if role {
		if err := m.role(ref, name, i); err != nil {
			return err
		}
	} else if err := m.join(ref); err != nil {
		return err
	}
	if i < chain || m.IntN(100) < 30 {
		if err := m.inline(ref, "inline/own", retinue.AttachIdentity, m.ownDocument(i, n)); err != nil {
			return err
		}
	}
	if i >= chain && m.IntN(100) < 15 {
		if err := m.attach(m.boundary, ref, retinue.AttachBoundary); err != nil {
			return err
		}
	}
	return m.attachManaged(ref)
}

func (m *maker) inline(ref retinue.Ref, suffix string, role retinue.AttachmentRole, document string) error {
	policy := retinue.NewRef(m.realm, "policy", ref.Key+"#"+suffix)
	if err := m.policy(policy, document, ""); err != nil {
		return err
	}
	return m.attach(policy, ref, role)
}

// ownDocument is what an identity has to itself.
func (m *maker) ownDocument(i, n int) string {
	switch {
	case i == chain-1:
		return m.pool.privileged[m.IntN(len(m.pool.privileged))]
	case i < chain:
		return assumeOnly(m.arn("role", fmt.Sprintf("step-%d", i+1)))
	case m.IntN(n) == 0:
		return administrator
	case m.IntN(300) == 0:
		return m.pool.privileged[m.IntN(len(m.pool.privileged))]
	}
	return m.pool.one(m.Rand)
}

// role gives a role its trust policy.
func (m *maker) role(ref retinue.Ref, name string, i int) error {
	m.roles = append(m.roles, name)
	var document string
	switch {
	case i < chain, m.IntN(100) < 15:
		document = trustAccount(m.account.id)
	case m.IntN(100) == 0 && len(m.roles) > 1:
		document = trustNamed(m.arn("role", m.roles[m.IntN(len(m.roles)-1)]))
	case m.IntN(100) < 3:
		document = trustAccount(fmt.Sprintf("%012d", 100_000_000_000+m.IntN(m.number+1)))
	default:
		document = m.pool.trusts[m.IntN(len(m.pool.trusts))]
	}
	if err := m.inline(ref, "trust", retinue.AttachTrust, document); err != nil {
		return err
	}
	if i%20 != 7 {
		return nil
	}
	function := retinue.NewRef(m.realm, "lambda_function", fmt.Sprintf("arn:aws:lambda:eu-west-1:%s:function:job-%d", m.account.id, i))
	return m.add(retinue.Resource{Ref: function, Name: fmt.Sprintf("job-%d", i), Kind: "lambda_function", Container: m.own, RunsAs: []retinue.Ref{ref}})
}

// join puts a user into groups.
func (m *maker) join(ref retinue.Ref) error {
	first := m.IntN(len(m.groups))
	for g := range m.IntN(3) {
		m.made.Memberships++
		if err := m.Relate(retinue.Membership{Group: m.groups[(first+g)%len(m.groups)], Member: ref}); err != nil {
			return err
		}
	}
	return nil
}

// attachManaged attaches some nine managed policies, which makes ten.
func (m *maker) attachManaged(ref retinue.Ref) error {
	own, shared := 2+m.IntN(3), 5+m.IntN(3)
	at, by := m.IntN(len(m.managed)), m.IntN(len(m.shared))
	for i := range own {
		if err := m.attach(m.managed[(at+i*7)%len(m.managed)], ref, retinue.AttachIdentity); err != nil {
			return err
		}
	}
	for i := range min(shared, len(m.shared)) {
		if err := m.attach(m.shared[(by+i*13)%len(m.shared)], ref, retinue.AttachIdentity); err != nil {
			return err
		}
	}
	return nil
}

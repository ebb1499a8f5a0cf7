package bench

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// consumers compares consumers. Those of which the log shows nothing are left
// out. One consumer that is named twice is one find and one wrong name.
func (s *scorer) consumers() Found {
	var precision, recall tally
	s.listed(func(id *Identity, c *Conclusion) {
		found := make([]bool, len(id.Consumers))
		if c != nil {
			for _, name := range c.Consumers {
				precision.add(claim(id.Consumers, found, name))
			}
		}
		for i, really := range id.Consumers {
			if really.Seen > 0 {
				recall.add(found[i])
			}
		}
	})
	return Found{precision.rate(), recall.rate()}
}

// claim finds the consumer that a name means, among those not yet found.
func claim(all []Consumer, found []bool, name ConcludedConsumer) bool {
	for i := range all {
		if !found[i] && all[i].is(name) {
			found[i] = true
			return true
		}
	}
	return false
}

// is reports whether a name means the consumer: by its workload, or else by
// address and agent, of which what was said must fit.
func (c *Consumer) is(name ConcludedConsumer) bool {
	if c.Workload != "" && sameWorkload(c.Workload, name.Workload) {
		return true
	}
	if name.Address == "" && name.Agent == "" {
		return false
	}
	for _, a := range name.Addresses {
		if !c.hasAddress(a) {
			return false // two consumers under one name
		}
	}
	return (name.Address == "" || c.hasAddress(name.Address)) && (name.Agent == "" || c.hasAgent(name.Agent))
}

// sameWorkload compares the last part of a name, "api" of "pay/api", with that of
// a workload. A pod has the name of its workload and more.
func sameWorkload(workload, name string) bool {
	workload, name = lastPart(workload), lastPart(name)
	return workload == name || strings.HasPrefix(name, workload+"-")
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func (c *Consumer) hasAddress(said string) bool {
	network, err := netip.ParsePrefix(said)
	for _, a := range c.Addresses {
		if a == said {
			return true
		}
		if addr, bad := netip.ParseAddr(a); err == nil && bad == nil && network.Contains(addr) {
			return true
		}
	}
	return false
}

// hasAgent compares products: a client is called by any of those that its user
// agent names.
func (c *Consumer) hasAgent(said string) bool {
	want := products(said)
	for _, a := range c.Agents {
		if len(want) > 0 && slices.Contains(products(a), want[0]) {
			return true
		}
	}
	return false
}

// products are the products that a user agent names, without version, comment and
// the number of a major version: "APN/1.0 HashiCorp/1.0 Terraform/1.13 (+https://…)"
// has apn, hashicorp and terraform, "aws-sdk-go-v2/1.38 lang/go#1.26" has aws-sdk-go
// and lang. A name without a version stands for itself.
func products(agent string) []string {
	var out []string
	depth := 0
	for i, word := range strings.Fields(strings.Trim(strings.TrimSpace(agent), "[]")) {
		inside := depth > 0 || strings.HasPrefix(word, "(")
		depth += strings.Count(word, "(") - strings.Count(word, ")")
		name, _, versioned := strings.Cut(word, "/")
		if inside || (!versioned && i > 0) {
			continue
		}
		out = append(out, majorVersion.ReplaceAllString(strings.ToLower(name), ""))
	}
	return out
}

// majorVersion is how a product's name ends that has its major version in it.
var majorVersion = regexp.MustCompile(`-v\d+$`)

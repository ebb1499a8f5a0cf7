package bench

import (
	"net/netip"
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

// hasAgent compares the families of user agents.
func (c *Consumer) hasAgent(said string) bool {
	for _, a := range c.Agents {
		if strings.EqualFold(family(a), family(said)) {
			return true
		}
	}
	return false
}

// family is the product of a user agent, without its version: "Boto3/1.34 …" is
// "boto3".
func family(agent string) string {
	agent = strings.TrimPrefix(strings.TrimSpace(agent), "[")
	if i := strings.IndexAny(agent, "/ "); i > 0 {
		agent = agent[:i]
	}
	return strings.ToLower(agent)
}

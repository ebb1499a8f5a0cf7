package graph

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/retinue-id/retinue/internal/access"
)

// estate makes an organisation of so many identities: each is in some groups
// (Sets of one permission), groups lead to roles, roles to roles, to resources
// and a few to administrators. About five steps for every node.
func estate(identities, joint int, step func(Step), b *Builder) {
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a benchmark's
	groups, roles, admins := identities/20, identities/50, max(2, identities/10000)
	first := func(n int, k Kind, admin bool) NodeID {
		var at NodeID = None
		for range n {
			id := b.Node(Node{Ref: ref(len(b.nodes)), Kind: k, Admin: admin})
			if at == None {
				at = id
			}
		}
		return at
	}
	who, admin := first(identities, Identity, false), first(admins, Identity, true)
	role, group := first(roles, Identity, false), first(groups, Set, false)
	data := first(identities/10, Resource, false)
	grants := make([]GrantID, groups)
	for i := range grants {
		grants[i] = b.Grant(Grant{Subject: ref(i), Reason: access.Reason{Layer: "identity policy", Document: fmt.Sprint("p", i%5000), Effect: "allow"}})
	}
	some := func(from NodeID, n int) NodeID { return from + NodeID(rng.IntN(n)) }
	need := [][]GrantID{{0}}
	go1 := func(from, to NodeID, v Verb, t string) {
		need[0][0] = grants[rng.IntN(len(grants))]
		step(Step{From: []NodeID{from}, To: to, Verb: v, Technique: t, Needs: need})
	}
	for i := range identities {
		for range 4 {
			go1(who+NodeID(i), some(group, groups), Assumes, "sts:AssumeRole")
		}
		go1(who+NodeID(i), some(data, identities/10), Reads, "s3:GetObject")
	}
	for i := range groups {
		for range 4 {
			go1(group+NodeID(i), some(role, roles), Contains, "")
		}
	}
	for i := range roles {
		go1(role+NodeID(i), some(data, identities/10), Writes, "s3:PutObject")
		if i%10 == 0 {
			go1(role+NodeID(i), some(role, roles), PassesRole, "lambda:CreateFunction")
		}
		if i%200 == 0 {
			go1(role+NodeID(i), some(admin, admins), PassesRole, "lambda:CreateFunction")
		}
	}
	for range joint {
		need[0][0] = grants[rng.IntN(len(grants))]
		step(Step{From: []NodeID{some(role, roles), some(role, roles)}, To: some(admin, admins), Verb: PassesRole, Needs: need})
	}
}

// sizes are the identities of the estates that are measured: a million is the
// size that is asked for.
func sizes(b *testing.B) []int {
	if testing.Short() {
		return []int{10_000}
	}
	return []int{10_000, 100_000, 1_000_000}
}

func built(identities, joint int) *Graph {
	var b Builder
	estate(identities, joint, b.Step, &b)
	return b.Build()
}

// BenchmarkBuild reports the bytes that a step takes once built, all nodes and
// grants included, beside those of the steps kept as a slice.
func BenchmarkBuild(b *testing.B) {
	for _, n := range sizes(b) {
		b.Run(fmt.Sprint("graph/", n), func(b *testing.B) {
			b.ReportAllocs()
			var g *Graph
			before := heapNow()
			for b.Loop() {
				g = built(n, 0)
			}
			b.ReportMetric(float64(heapNow()-before)/float64(g.Steps()), "B/step")
			b.ReportMetric(float64(g.Steps()), "steps")
		})
		b.Run(fmt.Sprint("slice/", n), func(b *testing.B) {
			b.ReportAllocs()
			var steps []Step
			before := heapNow()
			for b.Loop() {
				steps = nil
				var nodes Builder
				estate(n, 0, func(s Step) {
					s.Needs = [][]GrantID{{s.Needs[0][0]}}
					steps = append(steps, s)
				}, &nodes)
			}
			b.ReportMetric(float64(heapNow()-before)/float64(len(steps)), "B/step")
			runtime.KeepAlive(steps)
		})
	}
}

func heapNow() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkReach asks how far one identity reaches, beside a walk over all steps
// until nothing changes and one over lists in a map.
func BenchmarkReach(b *testing.B) {
	for _, n := range sizes(b) {
		g := built(n, 0)
		r := g.Reach(Options{})
		b.Run(fmt.Sprint("graph/", n), func(b *testing.B) {
			b.ReportAllocs()
			from, total := NodeID(0), 0
			for b.Loop() {
				r.Again(Options{}, from%NodeID(n))
				from++
				total += len(r.Nodes())
			}
			b.ReportMetric(float64(total)/float64(b.N), "nodes")
		})
		b.Run(fmt.Sprint("walk/", n), func(b *testing.B) {
			b.ReportAllocs()
			from := NodeID(0)
			for b.Loop() {
				walk(g, from%NodeID(n))
				from++
			}
		})
	}
}

// walk is the plain answer: over all steps until nothing changes.
func walk(g *Graph, from NodeID) int {
	seen := make([]bool, g.Len())
	seen[from] = true
	count := 1
	for changed := true; changed; {
		changed = false
		for i, n := range g.steps.from {
			if to := g.steps.to[i]; seen[n] && !seen[to] {
				seen[to], changed = true, true
				count++
			}
		}
	}
	return count
}

// BenchmarkBackward asks for everyone's shortest way to an administrator: where
// every step has one source, and where for each thousand identities one has two.
// Beside it everyone is asked forward, one after the other, for a hundredth.
func BenchmarkBackward(b *testing.B) {
	for _, n := range sizes(b) {
		for _, joint := range []int{0, n / 1000} {
			g := built(n, joint)
			admins := g.Admins()
			back := g.Backward(Options{}, admins...)
			b.Run(fmt.Sprintf("graph/%d/joint=%d", n, joint), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					back.Again(Options{}, admins...)
				}
				b.ReportMetric(float64(len(back.Nodes())), "nodes")
			})
			b.Run(fmt.Sprintf("forward/%d/joint=%d", n, joint), func(b *testing.B) {
				b.ReportAllocs()
				r, opt := g.Reach(Options{}), Options{Goals: admins}
				for b.Loop() {
					for from := range n / 100 {
						r.Again(opt, NodeID(from*100))
					}
				}
			})
		}
	}
}

// BenchmarkCuts finds the smallest cut before all administrators.
func BenchmarkCuts(b *testing.B) {
	for _, n := range sizes(b) {
		g := built(n, 0)
		admins := g.Admins()
		b.Run(fmt.Sprint("cuts/", n), func(b *testing.B) {
			b.ReportAllocs()
			var cut Cut
			for b.Loop() {
				cut = g.Cuts(admins, CutOptions{})
			}
			b.ReportMetric(float64(len(cut.Grants)), "grants")
			b.ReportMetric(float64(cut.AtLeast), "atleast")
			b.ReportMetric(float64(cut.Before), "sources")
		})
		b.Run(fmt.Sprint("chokes/", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g.ChokePoints(admins, ChokeOptions{})
			}
		})
	}
}

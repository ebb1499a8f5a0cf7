//go:build unix

package host

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
)

// TestHostileMachine reads a machine made to trap its reader: pipes and
// folders in the place of files, links that loop or lead out, names with
// control characters, files without end.
func TestHostileMachine(t *testing.T) {
	f := &fake{t: t, root: t.TempDir(), named: map[string]string{}}
	f.system()
	outside := filepath.Join(t.TempDir(), "outside")
	secret := f.plant("outside", "AKIAT"+f.random(15))
	if err := os.WriteFile(outside, []byte("[x]\naws_access_key_id="+secret+"\naws_secret_access_key="+f.secret("out", 40)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.link(outside, "/home/ada/.aws/credentials")                            // out of the tree
	f.link("../../../../../../../../../../"+outside, "/home/deploy/.pypirc") // the same, by steps
	f.link("b", "/home/ada/.ssh/a")                                          // a loop
	f.link("a", "/home/ada/.ssh/b")
	f.link("..", "/home/ada/code") // a folder that holds itself
	f.write("/etc/cron.d/bad\x1b]0;owned\x07", "* * * * * root x\n", 0o644)
	f.write("/home/ada/.kube/config", "a: &a [&b [x]]\n"+strings.Repeat("- [", 5000), 0o600)
	f.write("/home/ada/.claude.json", strings.Repeat(`{"a":`, 100_000), 0o600)
	f.write("/home/ada/.npmrc", strings.Repeat("x", maxFile+1), 0o600)
	f.write("/etc/nginx/name\nwith\tcontrol.key", "-----BEGIN PRIVATE KEY-----\n", 0o600)
	f.write("/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config\n", 0o644)
	f.write("/etc/sudoers.d/loop", "@include /etc/sudoers\n@include loop\nUser_Alias A=B\nUser_Alias B=A\nA ALL=ALL\n", 0o440)
	for _, p := range []string{"/home/ada/.netrc", "/etc/environment"} {
		if err := syscall.Mkfifo(filepath.Join(f.root, p), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	r := connectortest.Discover(t, openAt(t, f.root, nil))
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
	dump := r.Dump()
	for _, s := range []string{secret, f.named["out"], "\x1b", "\x07"} {
		if strings.Contains(dump, s) {
			t.Errorf("what must not show shows")
		}
	}
	for _, want := range []string{"/home/ada/.ssh/a: invalid", "/home/ada/.kube/config", "/home/ada/.claude.json", "/home/ada/.npmrc: invalid: longer than",
		"/home/ada/.netrc: invalid: it is no regular file", "/etc/environment: invalid: it is no regular file"} {
		if !strings.Contains(dump, want) {
			t.Errorf("no problem names %q", want)
		}
	}
	if n := r.Count(retinue.FactIdentity); n < 7 {
		t.Errorf("%d identities: the rest of the machine was lost", n)
	}
}

// TestPartialCopy reads a copy without the files that every machine has: their
// parts stay incomplete, so that nobody has gone.
func TestPartialCopy(t *testing.T) {
	f := newFake(t)
	for _, p := range []string{"/etc/shadow", "/etc/group"} {
		if err := os.Remove(filepath.Join(f.root, p)); err != nil {
			t.Fatal(err)
		}
	}
	check := func(incomplete ...string) {
		t.Helper()
		r := connectortest.Discover(t, openAt(t, f.root, nil))
		realm := r.Scopes()[0].Realm
		for _, p := range incomplete {
			if _, done := r.Completed[retinue.Scope{Realm: realm, Path: p}]; done {
				t.Errorf("%s was completed", p)
			}
		}
	}
	check("shadow", "accounts")
	if err := os.Remove(filepath.Join(f.root, "/etc/passwd")); err != nil {
		t.Fatal(err)
	}
	check("accounts", "user")
}

func TestPlaceStaysInside(t *testing.T) {
	f := &fake{t: t, root: t.TempDir()}
	f.write("/etc/passwd", "inside", 0o644)
	f.link("/etc/passwd", "/a")
	f.link("../../../../etc/passwd", "/etc/b")
	f.link("/etc", "/dir")
	tr := tree{root: f.root}
	for _, p := range []string{"/a", "/etc/b", "/dir/passwd", "/dir/../etc/passwd", "/../../etc/passwd"} {
		got, err := tr.read(p)
		if err != nil || string(got.data) != "inside" {
			t.Errorf("%s: %q, %v", p, got.data, err)
		}
	}
}

func TestExposure(t *testing.T) {
	f := &fake{t: t, root: t.TempDir()}
	tr := tree{root: f.root}
	if err := os.Chmod(f.root, 0o755); err != nil {
		t.Fatal(err)
	}
	chmod := func(p string, mode os.FileMode) {
		if err := os.Chmod(filepath.Join(f.root, p), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		dir, file os.FileMode
		private   bool
		want      retinue.Exposure
	}{
		{0o755, 0o600, false, retinue.ExposureOwner},
		{0o755, 0o644, false, retinue.ExposureWorld},
		{0o755, 0o640, false, retinue.ExposureGroup},
		{0o755, 0o640, true, retinue.ExposureOwner},
		{0o700, 0o644, false, retinue.ExposureOwner},
		{0o750, 0o644, false, retinue.ExposureGroup},
		{0o710, 0o640, false, retinue.ExposureGroup},
		{0o700, 0o666, false, retinue.ExposureOwner},
	} {
		f.write("/d/key", "x", c.file)
		chmod("/d", c.dir)
		if got := tr.exposure("/d/key", func(int) bool { return c.private }); got != c.want {
			t.Errorf("file %o in a folder %o (private group %v): %q, want %q", c.file, c.dir, c.private, got, c.want)
		}
		chmod("/d", 0o755)
	}
}

// TestMac reads a tree laid out as a Mac's.
func TestMac(t *testing.T) {
	f := &fake{t: t, root: t.TempDir(), named: map[string]string{}}
	f.write("/System/Library/x", "", 0o644)
	f.write("/etc/passwd", "##\n# User Database\nroot:*:0:0:System Administrator:/var/root:/bin/sh\n_www:*:70:70:WWW:/Library/WebServer:/usr/bin/false\n", 0o644)
	f.write("/etc/group", "wheel:*:0:root\n", 0o644)
	f.write("/Users/ada/.npmrc", "//r/:_authToken="+f.secret("npm", 36)+"\n", 0o600)
	f.write("/Users/ada/Library/Application Support/Claude/claude_desktop_config.json", `{"mcpServers":{"a":{"command":"x"}}}`, 0o600)
	f.write("/Library/LaunchDaemons/pay.plist", `<?xml version="1.0"?><!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict><key>Label</key><string>test.pay</string><key>UserName</key><string>_www</string><key>ProgramArguments</key><array><string>/opt/pay</string></array>
<key>EnvironmentVariables</key><dict><key>PAY_TOKEN</key><string>`+f.secret("launchd", 40)+`</string></dict></dict></plist>`, 0o644)
	f.write("/Library/LaunchDaemons/binary.plist", "bplist00", 0o644)
	r := connectortest.Discover(t, openAt(t, f.root, map[string]string{"id": "mac"}))
	if ada := connectortest.Get[retinue.Identity](t, r, "account", "ada"); ada.Class != retinue.ClassUnclear {
		t.Errorf("ada: %+v", ada)
	}
	job := connectortest.Get[retinue.Identity](t, r, "launchd_job", "/Library/LaunchDaemons/pay.plist")
	acts := connectortest.Select(r, func(tr retinue.Trust) bool { return tr.Trustee == job.Ref })
	if job.Name != "test.pay" || len(acts) != 1 || acts[0].Subject.Key != "_www" {
		t.Errorf("job %+v acts as %+v", job, acts)
	}
	connectortest.Get[retinue.Credential](t, r, "secret", "/Library/LaunchDaemons/pay.plist#PAY_TOKEN")
	connectortest.Get[retinue.Credential](t, r, "secret", "/Users/ada/.npmrc#//r/:_authToken")
	connectortest.Get[retinue.Identity](t, r, "agent", "ada/claude-desktop")
	launchd := retinue.NewScope("host:mac", "launchd")
	if _, done := r.Completed[launchd]; done || len(r.Problems[launchd]) != 1 {
		t.Errorf("a binary property list leaves the part incomplete: %v", r.Problems[launchd])
	}
	for _, s := range f.secrets {
		if strings.Contains(r.Dump(), s) {
			t.Errorf("a planted secret shows")
		}
	}
}

// TestHostileFormats gives each decoder the worst of its kind: nesting without
// end, aliases that multiply, values without end.
func TestHostileFormats(t *testing.T) {
	bomb, last := "a: &a [x,x,x,x,x,x,x,x,x]\n", "a"
	for _, c := range "bcdefghij" {
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+last+",", 9), ",") + "]\n"
		last = string(c)
	}
	start := time.Now()
	for name, ok := range map[string]func() bool{
		"TOML arrays":  func() bool { _, ok := decodeTOML([]byte("a = " + strings.Repeat("[", maxFile-10))); return ok },
		"TOML tables":  func() bool { _, ok := decodeTOML([]byte("a = " + strings.Repeat("{a=", maxFile/4))); return ok },
		"TOML keys":    func() bool { _, ok := decodeTOML([]byte("[" + strings.Repeat("a.", maxFile/3) + "a]")); return ok },
		"YAML nesting": func() bool { _, ok := decodeYAML([]byte(strings.Repeat("[", maxFile))); return ok },
		"YAML aliases": func() bool { _, ok := decodeYAML([]byte(bomb)); return ok },
		"JSON nesting": func() bool { _, ok := decodeJSON([]byte(strings.Repeat("[", maxFile))); return ok },
		"plist":        func() bool { _, ok := parsePlist([]byte("<plist>" + strings.Repeat("<array>", maxFile/8))); return ok },
		"plist text": func() bool {
			_, ok := parsePlist([]byte("<plist><string>" + strings.Repeat("<a>", maxFile/8)))
			return ok
		},
	} {
		if ok() {
			t.Errorf("%s: hostile input was accepted", name)
		}
	}
	a := fuzzArea(t)
	if _, is := a.m.secrets.value("A_TOKEN", strings.Repeat("abcd1234", maxFile/8)); is {
		t.Errorf("a value of %d bytes is taken for a token", maxFile)
	}
	a.m.secrets.arguments("x", splitWords(strings.Repeat("--token="+"abcdefgh1234 ", maxFile/21)), 1)
	parseSudoers([]byte(strings.Repeat("a ", maxFile/3) + " ALL=ALL"))
	parseSudoers([]byte("a ALL=" + strings.Repeat(":a=", maxFile/4)))
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}

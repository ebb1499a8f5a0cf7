package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/keys"
)

// certificateRoots are the folders where services keep certificates and keys.
func certificateRoots() []string {
	return []string{"/etc/ssl", "/etc/pki", "/etc/letsencrypt", "/etc/nginx", "/etc/apache2", "/etc/httpd", "/etc/haproxy", "/etc/caddy",
		"/etc/traefik", "/etc/kubernetes", "/etc/rancher", "/var/lib/rancher/k3s/server/tls", "/var/lib/kubelet/pki", "/etc/etcd", "/etc/docker",
		"/etc/postgresql", "/etc/mysql", "/etc/openvpn", "/etc/wireguard", "/etc/ipsec.d", "/etc/swanctl", "/etc/postfix", "/etc/dovecot",
		"/etc/exim4", "/etc/consul.d", "/etc/vault.d", "/etc/nomad.d", "/etc/puppetlabs", "/etc/puppet/ssl", "/var/lib/puppet/ssl",
		"/etc/rabbitmq", "/etc/redis", "/etc/grafana", "/etc/prometheus", "/usr/local/share/ca-certificates", "/usr/local/etc/ssl"}
}

// isBundleFolder reports the folders of the certificate authorities that the
// distribution ships. They are counted, not listed.
func isBundleFolder(p string) bool {
	for _, b := range []string{"/etc/ssl/certs/", "/etc/pki/ca-trust/extracted/", "/etc/pki/tls/certs/", "/usr/share/ca-certificates/", "/etc/ca-certificates/extracted/"} {
		if strings.HasPrefix(p, b) {
			return true
		}
	}
	return false
}

// bundleSize is from how many authorities on a file counts as a bundle.
const bundleSize = 8

const certificateDepth = 6

// runCertificates states the certificates and private keys under one folder.
func (m *machine) runCertificates(ctx context.Context, a *area, root string) error {
	for _, p := range m.walk(ctx, a, root, certificateDepth) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if holdsKeys(p) {
			m.certificateFile(a, p)
		}
	}
	return ctx.Err()
}

// holdsKeys picks files by their names: those of keys and certificates, and
// those without an extension, as OpenSSL's hashed links and hand-made keys are.
func holdsKeys(p string) bool {
	ext := strings.ToLower(path.Ext(p))
	return ext == "" || (len(ext) == 2 && ext[1] >= '0' && ext[1] <= '9') ||
		slices.Contains([]string{".pem", ".crt", ".cer", ".cert", ".der", ".key", ".p12", ".pfx", ".jks", ".keystore", ".truststore", ".ppk",
			".pub", ".ca", ".bundle", ".priv", ".private", ".conf", ".ovpn", ".kubeconfig"}, ext)
}

func (m *machine) certificateFile(a *area, p string) {
	to := m.tree.target(p)
	if isBundleFolder(p) && to != "" {
		if strings.HasPrefix(to, "/usr/share/ca-certificates/") || isBundleFolder(to) {
			a.fold("links to certificate authorities of the distribution", 1)
			return
		}
		if strings.HasPrefix(to, "/usr/local/share/ca-certificates/") {
			return // stated where it lies
		}
	}
	if path.Ext(p) == "" && !m.mayHoldKeys(p) {
		return
	}
	f, ok := a.read(p)
	if !ok {
		return
	}
	parsed, err := keys.Parse(f.data)
	if err != nil {
		a.problem(fmt.Errorf("read %s: %w", retinue.CleanName(p), err))
		return
	}
	if n, ok := bundle(p, parsed); ok {
		a.fold("certificate authorities in bundles", n)
		a.add(retinue.Resource{Ref: retinue.NewRef(m.realm, "ca_bundle", clipKey(retinue.CleanName(p))), Name: retinue.CleanName(path.Base(p)),
			Kind: "ca_bundle", Container: m.ref, Managed: retinue.ManagedByPackage, Attrs: retinue.Attrs{"certificates": n}})
		return
	}
	for _, o := range parsed.Objects {
		m.keyObject(a, f, o)
	}
	if len(parsed.Objects) == 0 && isKubeconfig(f.data) {
		m.toolFile(a, account{}, toolFile{tool: "kubeconfig", read: readKubeconfig}, p, map[string][]string{})
	}
	m.unread(a, p, parsed)
	for _, u := range parsed.Unread {
		if !u.Secret && u.What == "certificate" {
			a.malformed(p, u.Line, "a certificate is malformed")
		}
	}
}

// mayHoldKeys looks at the beginning of a file without an extension, so that
// programs are not read. What cannot be opened may hold keys: reading it says
// why not.
func (m *machine) mayHoldKeys(p string) bool {
	f, info, err := m.tree.open(p)
	if err != nil {
		return true
	}
	defer func() { _ = f.Close() }()
	if info.Size() > keys.MaxInput {
		return false
	}
	head := make([]byte, 4096)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return !errors.Is(err, io.EOF) // empty
	}
	head = head[:n]
	return head[0] == 0x30 || bytes.HasPrefix(head, []byte("\xfe\xed\xfe\xed")) || bytes.HasPrefix(head, []byte("\xce\xce\xce\xce")) || !bytes.ContainsRune(head, 0)
}

// isKubeconfig tells the kubeconfigs of a cluster's own components from other
// files named .conf.
func isKubeconfig(data []byte) bool {
	return bytes.Contains(data, []byte("kind: Config")) && bytes.Contains(data, []byte("users:"))
}

// bundle reports a file that holds many authorities and nothing else.
func bundle(p string, f keys.File) (int, bool) {
	certs := f.Certificates()
	if len(certs) != len(f.Objects) || f.HasPrivate() {
		return 0, false
	}
	for _, c := range certs {
		if !c.Certificate.CA && !c.Certificate.SelfSigned {
			return 0, false
		}
	}
	if len(certs) >= bundleSize || (len(certs) > 0 && strings.HasPrefix(p, "/usr/share/ca-certificates/")) {
		return len(certs), true
	}
	return 0, false
}

// keyName names a private key by what is true of it in every file, else by its
// file.
func keyName(k keys.Key, p string) string {
	if len(k.SPKI) < 16 {
		return retinue.CleanName(path.Base(p))
	}
	return fmt.Sprintf("%s %d key %s", k.Algorithm, k.Bits, k.SPKI[:16])
}

// keyObject states one certificate or key of a file.
func (m *machine) keyObject(a *area, f file, o keys.Object) {
	p := f.path
	place := retinue.Placement{Place: m.filePlace(p, "", 0), Exposure: m.exposure(p), Confidence: retinue.ConfidenceCertain,
		Detector: "key-file", At: f.modified()}
	switch o.Kind {
	case keys.KindCertificate:
		c := o.Credential(retinue.NewRef(m.realm, "certificate", o.SHA256))
		place.Credential, place.Reference = c.Ref, true
		if o.Certificate.CA && strings.Contains(p, "ca-certificates/") {
			place.Place.Kind = retinue.PlaceTrustStore
		}
		a.add(c, place)
	case keys.KindPrivateKey:
		c := o.Credential(m.keyRef("private_key", keys.Object{Key: keys.Key{SPKI: o.Key.SPKI}}, p))
		c.Name = keyName(o.Key, p)
		c.Attrs = sshAttrs(c.Attrs)
		c.Subtype = ""
		place.Credential, place.Attrs = c.Ref, retinue.Attrs{"encrypted": o.Encrypted, "format": o.Format}
		a.add(c, place)
	}
}

package deliver

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"net/http"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
)

func stampKind() PlaceKind {
	return PlaceKind{Name: "rfc3161", Title: "Time stamp", Says: "A token of a time-stamping authority (RFC 3161): it proves that the checkpoint existed at a time, and is kept here. It does not keep the checkpoint elsewhere.",
		Fields: []outlet.Field{
			{Name: "url", Required: true, Says: "the https address of the authority"},
			{Name: "ca", Says: "certificates that the authority's certificate is checked with, as PEM; empty for the system's"},
		}, open: openStamp}
}

type stampPlace struct {
	c     outlet.Config
	roots *x509.CertPool // nil: the system's
}

func openStamp(c outlet.Config) (Place, error) {
	p := &stampPlace{c: c}
	if err := outlet.HTTPSURL("options.url", c.Options["url"]); err != nil {
		return nil, err
	}
	if pem := c.Options["ca"]; pem != "" {
		p.roots = x509.NewCertPool()
		if !p.roots.AppendCertsFromPEM([]byte(pem)) {
			return nil, outlet.Invalid("options.ca", "want certificates as PEM")
		}
	}
	return p, nil
}

type algorithm struct {
	Algorithm  asn1.ObjectIdentifier
	Parameters asn1.RawValue `asn1:"optional"`
}

type messageImprint struct {
	Algorithm algorithm
	Digest    []byte
}

type stampRequest struct {
	Version int
	Imprint messageImprint
	Nonce   *big.Int `asn1:"optional"`
	CertReq bool     `asn1:"optional"`
}

type stampResponse struct {
	Status stampStatus
	Token  asn1.RawValue `asn1:"optional"`
}

type stampStatus struct {
	Status   int
	Text     []string       `asn1:"optional"`
	FailInfo asn1.BitString `asn1:"optional"`
}

func oidSHA256() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1} }

// StampRequest returns the request for a token over data, and its nonce.
func StampRequest(data []byte) (request []byte, nonce *big.Int, err error) {
	sum := sha256.Sum256(data)
	if nonce, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 63)); err != nil {
		return nil, nil, err
	}
	request, err = asn1.Marshal(stampRequest{Version: 1, Nonce: nonce, CertReq: true,
		Imprint: messageImprint{Algorithm: algorithm{Algorithm: oidSHA256(), Parameters: asn1.NullRawValue}, Digest: sum[:]}})
	return request, nonce, err
}

// StampToken takes the token out of an authority's response.
func StampToken(response []byte) ([]byte, error) {
	var r stampResponse
	if rest, err := asn1.Unmarshal(response, &r); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("%w: the authority answered something else than a time-stamp response", retinue.ErrUnavailable)
	}
	if r.Status.Status > 1 { // 0 granted, 1 granted with modifications
		text := ""
		if len(r.Status.Text) > 0 {
			text = outlet.Quote([]byte(r.Status.Text[0]))
		}
		return nil, fmt.Errorf("%w: the authority refused the request: status %d %s", retinue.ErrUnavailable, r.Status.Status, text)
	}
	if len(r.Token.FullBytes) == 0 {
		return nil, fmt.Errorf("%w: the authority's response has no token", retinue.ErrUnavailable)
	}
	return r.Token.FullBytes, nil
}

// Put implements Place.
func (p *stampPlace) Put(ctx context.Context, n Note) (Receipt, error) {
	token, st, err := p.stamp(ctx, n.Signed)
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{Place: fmt.Sprintf("stamp %s of %s by %s", st.Serial, st.At.UTC().Format(time.RFC3339), outlet.Clean(st.By, 200)), Proof: token}, nil
}

func (p *stampPlace) stamp(ctx context.Context, data []byte) ([]byte, Stamp, error) {
	req, nonce, err := StampRequest(data)
	if err != nil {
		return nil, Stamp{}, fmt.Errorf("make time-stamp request: %w", err)
	}
	_, raw, err := outlet.Post(ctx, p.c, p.c.Options["url"], http.Header{"Content-Type": {"application/timestamp-query"}, "Accept": {"application/timestamp-reply"}}, req)
	if err != nil {
		return nil, Stamp{}, err
	}
	token, err := StampToken(raw)
	if err != nil {
		return nil, Stamp{}, err
	}
	st, err := VerifyStamp(token, data, p.roots)
	if err == nil && (st.nonce == nil || st.nonce.Cmp(nonce) != 0) {
		err = fmt.Errorf("%w: the token is not of this request", retinue.ErrConflict)
	}
	if err == nil {
		if d := st.At.Sub(p.c.Now()); d > time.Hour || d < -time.Hour {
			err = fmt.Errorf("%w: the authority's clock and ours differ by more than an hour", retinue.ErrConflict)
		}
	}
	return token, st, err
}

// Prove implements Prover.
func (p *stampPlace) Prove(signed, proof []byte) (string, error) {
	st, err := VerifyStamp(proof, signed, p.roots)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("it existed on %s, says %s", st.At.UTC().Format(time.RFC3339), outlet.Clean(st.By, 200)), nil
}

// Try implements Place.
func (p *stampPlace) Try(ctx context.Context) (string, error) {
	_, st, err := p.stamp(ctx, []byte("test"))
	return outlet.Clean(st.By, 200), err
}

// Stamp is what a token says.
type Stamp struct {
	At     time.Time
	Serial *big.Int
	// By is the subject of the authority's certificate.
	By    string
	nonce *big.Int
}

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,tag:0"`
}

type signedData struct {
	Version      int
	Digests      asn1.RawValue
	Content      encapsulated
	Certificates asn1.RawValue `asn1:"optional,tag:0"`
	CRLs         asn1.RawValue `asn1:"optional,tag:1"`
	Signers      []signerInfo  `asn1:"set"`
}

type encapsulated struct {
	Type    asn1.ObjectIdentifier
	Content []byte `asn1:"explicit,tag:0"`
}

type signerInfo struct {
	Version   int
	Signer    asn1.RawValue
	Digest    algorithm
	Signed    asn1.RawValue `asn1:"optional,tag:0"`
	Algorithm algorithm
	Signature []byte
	Unsigned  asn1.RawValue `asn1:"optional,tag:1"`
}

type attribute struct {
	Type   asn1.ObjectIdentifier
	Values asn1.RawValue `asn1:"set"`
}

// tstInfo is TSTInfo of RFC 3161, section 2.4.2.
type tstInfo struct {
	Version    int
	Policy     asn1.ObjectIdentifier
	Imprint    messageImprint
	Serial     *big.Int
	At         time.Time     `asn1:"generalized"`
	Accuracy   accuracy      `asn1:"optional"`
	Ordering   bool          `asn1:"optional"`
	Nonce      *big.Int      `asn1:"optional"`
	TSA        asn1.RawValue `asn1:"optional,tag:0"`
	Extensions asn1.RawValue `asn1:"optional,tag:1"`
}

type accuracy struct {
	Seconds int `asn1:"optional"`
	Millis  int `asn1:"optional,tag:0"`
	Micros  int `asn1:"optional,tag:1"`
}

// maxToken bounds a token, in bytes.
const maxToken = 256 << 10

func badToken(text string) error {
	return fmt.Errorf("%w: verify time stamp: %s", retinue.ErrInvalid, text)
}

// VerifyStamp checks a time-stamp token over data: its form (RFC 3161 and
// RFC 5652), its message imprint, the signature, and that the certificate is
// for time stamping alone and leads to one of the roots (nil: the system's) at
// the time of the stamp. The authority's certificate must be in the token.
func VerifyStamp(token, data []byte, roots *x509.CertPool) (Stamp, error) {
	if len(token) > maxToken {
		return Stamp{}, badToken("the token is too long")
	}
	var ci contentInfo
	var sd signedData
	if rest, err := asn1.Unmarshal(token, &ci); err != nil || len(rest) > 0 || !ci.Type.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}) {
		return Stamp{}, badToken("it is no CMS signed data")
	}
	if rest, err := asn1.Unmarshal(ci.Content.Bytes, &sd); err != nil || len(rest) > 0 {
		return Stamp{}, badToken("its signed data is malformed")
	}
	if !sd.Content.Type.Equal(oidTSTInfo()) || len(sd.Signers) != 1 {
		return Stamp{}, badToken("it holds no time stamp, or not one signature")
	}
	var info tstInfo
	if rest, err := asn1.Unmarshal(sd.Content.Content, &info); err != nil || len(rest) > 0 || info.Serial == nil {
		return Stamp{}, badToken("its time stamp is malformed")
	}
	hash, ok := hashOf(info.Imprint.Algorithm.Algorithm)
	if !ok {
		return Stamp{}, badToken("it is over a hash that is not supported")
	}
	if h := hash.New(); func() bool { h.Write(data); return !bytes.Equal(h.Sum(nil), info.Imprint.Digest) }() {
		return Stamp{}, fmt.Errorf("%w: verify time stamp: it is over other data", retinue.ErrConflict)
	}
	cert, err := checkSigner(sd, info.At, roots)
	if err != nil {
		return Stamp{}, err
	}
	return Stamp{At: info.At, Serial: info.Serial, By: cert.Subject.String(), nonce: info.Nonce}, nil
}

func oidTSTInfo() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
}

func hashOf(oid asn1.ObjectIdentifier) (crypto.Hash, bool) {
	for h, last := range map[crypto.Hash]int{crypto.SHA256: 1, crypto.SHA384: 2, crypto.SHA512: 3} {
		if oid.Equal(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, last}) {
			return h, true
		}
	}
	return 0, false
}

package aws

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/logs"
)

const (
	// maxDigestFile bounds a digest file when uncompressed. One lists the logs of an
	// hour in one region.
	maxDigestFile = 64 << 20
	// maxDigests bounds the digest files of one run: ten years in 20 regions.
	maxDigests = 2_000_000
)

// isDigestName reports the names that CloudTrail gives digest files.
func isDigestName(name string) bool { return strings.Contains(path.Base(name), "_CloudTrail-Digest_") }

// digestFile is as much of a digest file as verifying needs (CloudTrail User
// Guide, "CloudTrail digest file structure").
type digestFile struct {
	Account      string      `json:"awsAccountId"`
	Start        time.Time   `json:"digestStartTime"`
	End          time.Time   `json:"digestEndTime"`
	Bucket       string      `json:"digestS3Bucket"`
	Object       string      `json:"digestS3Object"`
	Fingerprint  string      `json:"digestPublicKeyFingerprint"`
	PreviousName *string     `json:"previousDigestS3Object"`
	PreviousHash *string     `json:"previousDigestHashValue"`
	PreviousSig  *string     `json:"previousDigestSignature"`
	Logs         []digestLog `json:"logFiles"`
	hash         string
	signature    string // as the digest after it has it
}

type digestLog struct {
	Object string `json:"s3Object"`
	Hash   string `json:"hashValue"`
}

// digests are the digest files of a run and what was read of the logs that they
// list.
type digests struct {
	mu     sync.Mutex
	chains map[digestChain]map[string]*digestFile // by object
	wanted map[string]string                      // hash of a log file by the end of its name
	right  map[string]bool                        // log files that were read and are as listed
	wrong  map[string]bool
	keys   []publicKey
	count  int
}

// digestChain is what one trail says of one region of one account.
type digestChain struct{ account, region, trail string }

func newDigests() *digests {
	return &digests{chains: map[digestChain]map[string]*digestFile{}, wanted: map[string]string{}, right: map[string]bool{}, wrong: map[string]bool{}}
}

// wants reports whether the hash of an input is needed: of every log file where
// the trail makes digest files, since the one that lists it comes an hour later.
func (d *digests) wants(in logs.Input) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.chains) > 0 && isLogName(in.Name)
}

// hashed takes the hash of an input that was read whole.
func (d *digests) hashed(in logs.Input, sum [sha256.Size]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := path.Base(in.Name)
	switch want := d.wanted[name]; {
	case want == "": // the digest file is not there yet
	case strings.EqualFold(hex.EncodeToString(sum[:]), want):
		d.right[name] = true
	default:
		d.wrong[name] = true
	}
}

// read takes a digest file.
func (d *digests) read(ctx context.Context, in logs.Input) error {
	f, err := in.Open(ctx)
	if err != nil {
		return fmt.Errorf("%w: open digest file: %v", retinue.ErrInvalid, err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	return d.take(f)
}

func (d *digests) take(r io.Reader) error {
	data, err := uncompress(r, maxDigestFile)
	if err != nil {
		return fmt.Errorf("%w: digest file: %w", retinue.ErrInvalid, err)
	}
	var f digestFile
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("%w: digest file: %s", retinue.ErrInvalid, retinue.CleanName(err.Error()))
	}
	chain, ok := chainOf(f.Object)
	if !ok || !isAccountID(f.Account) || !f.End.After(f.Start) {
		return fmt.Errorf("%w: not a digest file of CloudTrail", retinue.ErrInvalid)
	}
	sum := sha256.Sum256(data)
	f.hash = hex.EncodeToString(sum[:])
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.count++; d.count > maxDigests {
		return fmt.Errorf("%w: more than %d digest files", retinue.ErrInvalid, maxDigests)
	}
	if d.chains[chain] == nil {
		d.chains[chain] = map[string]*digestFile{}
	}
	d.chains[chain][f.Object] = &f
	for _, l := range f.Logs {
		d.wanted[path.Base(l.Object)] = l.Hash
	}
	return nil
}

// chainOf reads the name of a digest file:
// …/ACCOUNT_CloudTrail-Digest_REGION_TRAIL_HOMEREGION_TIME.json.gz.
func chainOf(object string) (digestChain, bool) {
	account, rest, ok := strings.Cut(path.Base(object), "_CloudTrail-Digest_")
	region, rest, ok2 := strings.Cut(rest, "_")
	i := strings.LastIndexByte(rest, '_')
	if !ok || !ok2 || i < 0 || !isAccountID(account) {
		return digestChain{}, false
	}
	return digestChain{account: account, region: region, trail: rest[:i]}, true
}

// verified is what the digest files of an account prove: the stretches over
// which, in every region of one trail, they follow one another without a gap and
// every log file that they list was read and is as listed. It also says what is
// wrong.
func (d *digests) verified(account string) (proof, []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var wrong []string
	byTrail := map[string]proof{}
	for chain, files := range d.chains {
		if chain.account != account {
			continue
		}
		got, bad := d.chain(files)
		wrong = append(wrong, bad...)
		if all, more := byTrail[chain.trail]; more {
			got = proof{whole: intersect(all.whole, got.whole), signed: intersect(all.signed, got.signed)}
		}
		byTrail[chain.trail] = got
	}
	var out proof
	for _, p := range byTrail {
		out.whole = append(out.whole, p.whole...)
		out.signed = append(out.signed, p.signed...)
	}
	slices.Sort(wrong)
	return proof{whole: merge(out.whole), signed: merge(out.signed)}, wrong
}

// chain verifies the digest files of one chain. A trail that is stopped and
// started begins anew: what lies before and behind is proven each by itself.
func (d *digests) chain(files map[string]*digestFile) (out proof, wrong []string) {
	order := inOrder(files)
	forged := false
	for i, f := range order {
		if bad := d.logsOf(f); bad != "" {
			wrong = append(wrong, bad)
			continue
		}
		linked := i > 0 && f.PreviousName != nil && *f.PreviousName == order[i-1].Object && order[i-1].End.Equal(f.Start)
		if linked && (f.PreviousHash == nil || !strings.EqualFold(*f.PreviousHash, order[i-1].hash)) {
			wrong = append(wrong, path.Base(order[i-1].Object)+" is not as the digest file after it has it")
			out.cut(order[i-1])
			linked = false
		}
		signed := len(d.keys) > 0 && f.signature != ""
		if signed && !d.signedBy(f) {
			wrong = append(wrong, path.Base(f.Object)+" is not signed by CloudTrail")
			forged = true
			continue
		}
		out.whole = follow(out.whole, f, linked)
		// The signature of the newest file comes with the next. Of another without
		// one, such as the last before a trail was stopped, none ever comes.
		if newest := i == len(order)-1; signed || newest && linked && reaches(out.signed, f) {
			out.signed = follow(out.signed, f, linked)
		}
	}
	if forged { // where someone else wrote digest files, those that are not signed prove nothing
		out.whole = slices.Clone(out.signed)
	}
	return out, wrong
}

// inOrder sorts the digest files of a chain by time, and gives each the
// signature that the one after it has.
func inOrder(files map[string]*digestFile) []*digestFile {
	order := slices.SortedFunc(maps.Values(files), func(a, b *digestFile) int { return a.Start.Compare(b.Start) })
	for i, f := range order[:max(0, len(order)-1)] {
		if after := order[i+1]; after.PreviousSig != nil && after.PreviousName != nil && *after.PreviousName == f.Object {
			f.signature = *after.PreviousSig
		}
	}
	return order
}

// logsOf says which log file of a digest is missing or changed.
func (d *digests) logsOf(f *digestFile) string {
	for _, l := range f.Logs {
		name := path.Base(l.Object)
		switch {
		case d.wrong[name]:
			return retinue.CleanName(name) + " is not as its digest file has it"
		case !d.right[name]:
			return retinue.CleanName(name) + " was not read, or was changed while it was"
		}
	}
	return ""
}

// publicKey is a key with which CloudTrail signs digest files.
type publicKey struct {
	fingerprint string
	key         *rsa.PublicKey
}

// parsePublicKeys reads the output of `aws cloudtrail list-public-keys`.
func parsePublicKeys(data []byte) ([]publicKey, error) {
	var doc struct {
		PublicKeyList []struct{ Value, Fingerprint string }
	}
	if err := json.Unmarshal(data, &doc); err != nil || len(doc.PublicKeyList) > 1000 {
		return nil, fmt.Errorf("%w: public keys of CloudTrail: not the output of list-public-keys", retinue.ErrInvalid)
	}
	var out []publicKey
	for _, k := range doc.PublicKeyList {
		der, err := base64.StdEncoding.DecodeString(k.Value)
		if err != nil {
			return nil, fmt.Errorf("%w: public key of CloudTrail: not base64", retinue.ErrInvalid)
		}
		pub, err := x509.ParsePKCS1PublicKey(der)
		if err != nil {
			return nil, fmt.Errorf("%w: public key of CloudTrail: %v", retinue.ErrInvalid, err)
		}
		out = append(out, publicKey{fingerprint: k.Fingerprint, key: pub})
	}
	return out, nil
}

// signedBy verifies the signature of a digest file (CloudTrail User Guide,
// "Custom implementations of CloudTrail log file integrity validation").
func (d *digests) signedBy(f *digestFile) bool {
	sig, err := hex.DecodeString(f.signature)
	if err != nil {
		return false
	}
	previous := "null"
	if f.PreviousSig != nil {
		previous = *f.PreviousSig
	}
	text := f.End.UTC().Format("2006-01-02T15:04:05Z") + "\n" + f.Bucket + "/" + f.Object + "\n" + f.hash + "\n" + previous
	sum := sha256.Sum256([]byte(text))
	for _, k := range d.keys {
		if k.fingerprint == f.Fingerprint {
			return rsa.VerifyPKCS1v15(k.key, crypto.SHA256, sum[:], sig) == nil
		}
	}
	return false
}

package aws

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
)

// chainMaker writes the log files of a trail and the digest files that list
// them, as CloudTrail does.
type chainMaker struct {
	t    *testing.T
	dir  string
	key  *rsa.PrivateKey
	last map[string]map[string]any // the digest before, by region
	hash map[string]string
	sig  map[string]string
	zip  bool // compress log files
}

func newChainMaker(t *testing.T) *chainMaker {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &chainMaker{t: t, dir: t.TempDir(), key: key, last: map[string]map[string]any{}, hash: map[string]string{}, sig: map[string]string{}}
}

func (m *chainMaker) write(object, text string) {
	m.t.Helper()
	path := filepath.Join(m.dir, object)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

var chainStart = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)

// hour writes one hour of a region: a log file and its digest file.
func (m *chainMaker) hour(region string, h int) (log, digest string) {
	m.t.Helper()
	start := chainStart.Add(time.Duration(h) * time.Hour)
	base := "AWSLogs/111111111111/CloudTrail/" + region + start.Format("/2006/01/02/")
	log = base + "111111111111_CloudTrail_" + region + start.Format("_20060102T1504Z_") + "abc.json.gz"
	text := trailText(mathrand.New(mathrand.NewPCG(uint64(h), 7)), h*100+len(region)) //nolint:gosec // not for secrets
	text = `{"Records":[` + strings.ReplaceAll(text, "eu-west-1", region) + `]}`
	stored := text
	if m.zip {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write([]byte(text)); err != nil {
			m.t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			m.t.Fatal(err)
		}
		stored = b.String()
	}
	m.write(log, stored)
	digest = strings.ReplaceAll(base, "/CloudTrail/", "/CloudTrail-Digest/") + "111111111111_CloudTrail-Digest_" + region + "_all_us-east-1" + start.Add(time.Hour).Format("_20060102T150405Z") + ".json.gz"
	doc := map[string]any{"awsAccountId": "111111111111", "digestStartTime": start.Format(time.RFC3339), "digestEndTime": start.Add(time.Hour).Format(time.RFC3339),
		"digestS3Bucket": "trail", "digestS3Object": digest, "digestPublicKeyFingerprint": "f1", "digestSignatureAlgorithm": "SHA256withRSA",
		"logFiles": []any{map[string]any{"s3Bucket": "trail", "s3Object": log, "hashValue": sum(text), "hashAlgorithm": "SHA-256"}}}
	if before := m.last[region]; before != nil {
		doc["previousDigestS3Bucket"], doc["previousDigestS3Object"] = "trail", before["digestS3Object"]
		doc["previousDigestHashValue"], doc["previousDigestSignature"] = m.hash[region], m.sig[region]
	}
	data, err := json.Marshal(doc)
	if err != nil {
		m.t.Fatal(err)
	}
	m.write(digest, string(data))
	previous := m.sig[region]
	if previous == "" {
		previous = "null"
	}
	m.last[region], m.hash[region] = doc, sum(string(data))
	toSign := sha256.Sum256([]byte(doc["digestEndTime"].(string) + "\ntrail/" + digest + "\n" + m.hash[region] + "\n" + previous))
	sig, err := rsa.SignPKCS1v15(rand.Reader, m.key, crypto.SHA256, toSign[:])
	if err != nil {
		m.t.Fatal(err)
	}
	m.sig[region] = hex.EncodeToString(sig)
	return log, digest
}

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

func (m *chainMaker) keys() {
	value := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&m.key.PublicKey))
	m.write("public-keys.json", fmt.Sprintf(`{"PublicKeyList":[{"Value":%q,"Fingerprint":"f1"}]}`, value))
}

// proofs are the stretches that are proven, as hours from the start.
func (h *trailHost) proofs() (out []string, authenticated bool) {
	for _, c := range h.covers {
		if c.Proof != "" {
			out = append(out, fmt.Sprintf("%d-%d", int(c.From.Sub(chainStart).Hours()), int(c.To.Sub(chainStart).Hours())))
			authenticated = authenticated || c.Authenticated
		}
	}
	return out, authenticated
}

// TestDigests proves that nothing is missing where that is so, and nowhere else.
func TestDigests(t *testing.T) {
	change := func(m *chainMaker, object string) {
		data, err := os.ReadFile(filepath.Join(m.dir, object))
		if err != nil {
			m.t.Fatal(err)
		}
		m.write(object, strings.Replace(string(data), "111111111111", "222222222222", 1))
	}
	remove := func(m *chainMaker, object string) {
		if err := os.Remove(filepath.Join(m.dir, object)); err != nil {
			m.t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		harm   func(m *chainMaker, logs, digests []string)
		want   string
		faults int
		signed bool
	}{
		"whole":             {want: "0-6"},
		"signed":            {harm: func(m *chainMaker, _, _ []string) { m.keys() }, want: "0-6", signed: true},
		"log missing":       {harm: func(m *chainMaker, l, _ []string) { remove(m, l[2]) }, want: "0-2 3-6", faults: 1},
		"log changed":       {harm: func(m *chainMaker, l, _ []string) { change(m, l[2]) }, want: "0-2 3-6", faults: 1},
		"digest missing":    {harm: func(m *chainMaker, _, d []string) { remove(m, d[2]) }, want: "0-2 3-6"},
		"digest changed":    {harm: func(m *chainMaker, _, d []string) { change(m, d[2]) }, want: "0-2 3-6", faults: 1},
		"signature wrong":   {harm: func(m *chainMaker, _, _ []string) { m.key, _ = rsa.GenerateKey(rand.Reader, 2048); m.keys() }, want: "", faults: 10},
		"one region behind": {harm: func(m *chainMaker, _, d []string) { remove(m, d[5]) }, want: "0-5"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newChainMaker(t)
			var logFiles, digestFiles []string
			for h := range 6 {
				l, d := m.hour("eu-west-1", h)
				logFiles, digestFiles = append(logFiles, l), append(digestFiles, d)
				m.hour("us-east-1", h)
			}
			if c.harm != nil {
				c.harm(m, logFiles, digestFiles)
			}
			host := &trailHost{}
			host.readTrail(t, m.dir)
			got, signed := host.proofs()
			if strings.Join(got, " ") != c.want || len(host.faults) != c.faults || signed != c.signed {
				t.Errorf("proven %v signed %v faults %v, want %s, %d faults", got, signed, host.faults, c.want, c.faults)
			}
		})
	}
}

// TestTrailStopped stops a trail and starts it again: what lies before and behind
// is proven, each by itself, and the gap is not.
func TestTrailStopped(t *testing.T) {
	for name, c := range map[string]struct {
		keys, forge bool
		want        string
		faults      int
	}{
		"no keys": {want: "0-4 6-9"},
		// The last digest before the stop has no signature that could be verified.
		"keys":             {keys: true, want: "0-3 signed 6-9 signed 3-4"},
		"keys and forgery": {keys: true, forge: true, want: "0-3 signed 6-7 signed", faults: 2},
	} {
		t.Run(name, func(t *testing.T) {
			m := newChainMaker(t)
			var forged string
			for _, h := range []int{0, 1, 2, 3, 6, 7, 8, 9} {
				m.hour("us-east-1", h)
				if h == 6 {
					delete(m.last, "eu-west-1")
					delete(m.sig, "eu-west-1")
				}
				if h == 9 {
					continue // of this region the digest is late
				}
				if _, d := m.hour("eu-west-1", h); h == 7 {
					forged = d
				}
			}
			if c.keys {
				m.keys()
			}
			if c.forge {
				data, err := os.ReadFile(filepath.Join(m.dir, forged))
				if err != nil {
					t.Fatal(err)
				}
				m.write(forged, string(data)+"\n")
			}
			host := &trailHost{}
			host.readTrail(t, m.dir)
			var got []string
			for _, v := range host.covers {
				if v.Proof == "" {
					continue
				}
				text := fmt.Sprintf("%d-%d", int(v.From.Sub(chainStart).Hours()), int(v.To.Sub(chainStart).Hours()))
				if v.Authenticated {
					text += " signed"
				}
				got = append(got, text)
			}
			if strings.Join(got, " ") != c.want || len(host.faults) != c.faults {
				t.Errorf("proven %v, faults %v, want %s, %d faults", got, host.faults, c.want, c.faults)
			}
		})
	}
}

// TestDigestsLater: the digest file of an hour comes after its logs were read.
func TestDigestsLater(t *testing.T) {
	m, host := newChainMaker(t), &trailHost{}
	m.zip = true
	m.hour("eu-west-1", 0)
	_, late := m.hour("eu-west-1", 1)
	held, err := os.ReadFile(filepath.Join(m.dir, late))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(m.dir, late)); err != nil {
		t.Fatal(err)
	}
	host.readTrail(t, m.dir)
	if got, _ := host.proofs(); strings.Join(got, " ") != "0-1" {
		t.Errorf("proven at first %v", got)
	}
	m.write(late, string(held))
	m.hour("eu-west-1", 2)
	host.covers = nil
	host.readTrail(t, m.dir)
	if got, _ := host.proofs(); strings.Join(got, " ") != "0-3" || len(host.faults) > 0 {
		t.Errorf("proven at last %v, faults %v", got, host.faults)
	}
}

// TestSelectors reads what a trail logs.
func TestSelectors(t *testing.T) {
	const arn = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/one"
	spots := func(selectors string) string {
		dir := t.TempDir()
		for name, text := range map[string]string{
			"log.json":       `{"Records":[` + record(buildUser) + `]}`,
			"trails.json":    `{"trailList":[{"Name":"one","TrailARN":"` + arn + `","IsMultiRegionTrail":false,"IncludeGlobalServiceEvents":true}]}`,
			"selectors.json": `{"TrailARN":"` + arn + `",` + selectors + `}`,
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		h := &trailHost{}
		h.readTrail(t, dir)
		if len(h.covers) != 1 || len(h.faults) > 0 {
			t.Fatalf("coverage %v, faults %v", h.covers, h.faults)
		}
		codes := map[string]bool{}
		for _, s := range h.covers[0].BlindSpots {
			codes[s.Code] = true
			if s.Code == blindDataOff && s.Actions[0] == "s3:GetObject*" {
				codes["s3"] = true
			}
		}
		var out []string
		for _, c := range []string{blindManagement, blindReadOff, blindExcluded, blindTrailUnknown, blindRegions, "s3"} {
			if codes[c] {
				out = append(out, c)
			}
		}
		return strings.Join(out, " ")
	}
	for selectors, want := range map[string]string{
		`"EventSelectors":[{"ReadWriteType":"All","IncludeManagementEvents":true,"DataResources":[]}]`:                                                                blindRegions + " s3",
		`"EventSelectors":[{"ReadWriteType":"WriteOnly","IncludeManagementEvents":true}]`:                                                                             blindReadOff + " " + blindRegions + " s3",
		`"EventSelectors":[{"ReadWriteType":"All","DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3"]}]}]`:                                             blindRegions,
		`"EventSelectors":[{"ReadWriteType":"All","IncludeManagementEvents":true,"ExcludeManagementEventSources":["kms.amazonaws.com"]}]`:                             blindExcluded + " " + blindRegions + " s3",
		`"AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]},{"Field":"resources.type","Equals":["AWS::S3::Object"]}]}]`:         blindManagement + " " + blindRegions,
		`"AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]},{"Field":"eventSource","NotEquals":["kms.amazonaws.com"]}]}]`: blindExcluded + " " + blindRegions + " s3",
	} {
		if got := spots(selectors); got != want {
			t.Errorf("%s: %q, want %q", selectors, got, want)
		}
	}
}

// TestTables reads exports of Athena and CloudTrail Lake as CSV.
func TestTables(t *testing.T) {
	for name, text := range map[string]string{
		"Athena": "eventversion,useridentity,eventtime,eventsource,eventname,awsregion,sourceipaddress,useragent,errorcode,requestparameters,eventid,eventtype,recipientaccountid\n" +
			`1.11,"{type=IAMUser, principalid=AIDA, arn=arn:aws:iam::111111111111:user/build, accountid=111111111111, invokedby=null, accesskeyid=AKIAEXAMPLEEXAMPLEAA, username=build, sessioncontext=null}",2026-01-02T03:04:05Z,s3.amazonaws.com,GetObject,eu-west-1,192.0.2.7,"aws-cli/2, ""x""",,"{""bucketName"":""data"",""key"":""in/x""}",e-1,AwsApiCall,111111111111` + "\n",
		"Lake": "eventTime,eventName,eventSource,eventID,awsRegion,recipientAccountId,userIdentity.type,userIdentity.arn,userIdentity.accountId,userIdentity.accessKeyId,requestParameters,sourceIPAddress\n" +
			`2026-01-02 03:04:05.000,GetObject,s3.amazonaws.com,e-1,eu-west-1,111111111111,IAMUser,arn:aws:iam::111111111111:user/build,111111111111,AKIAEXAMPLEEXAMPLEAA,"{""bucketName"":""data"",""key"":""in/x""}",192.0.2.7` + "\n",
	} {
		path := filepath.Join(t.TempDir(), "out.csv")
		if err := os.WriteFile(path, []byte(text+"short,row\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		h := &trailHost{}
		h.readTrail(t, path)
		if len(h.events) != 1 || len(h.faults) != 1 {
			t.Fatalf("%s: %d events, faults %v", name, len(h.events), h.faults)
		}
		e := h.events[0]
		checkEvent(t, &e)
		if e.ID != "e-1" || e.Action != "s3:GetObject" || e.Credential.Key != "AKIAEXAMPLEEXAMPLEAA" || e.Resource.Key != "arn:aws:s3:::data/in/x" ||
			e.Identity != aRef("111111111111", "user", "arn:aws:iam::111111111111:user/build") || e.Outcome != retinue.OutcomeSuccess {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

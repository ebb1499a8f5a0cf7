package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

const (
	// lineSize is how large the one file without an end of line is, wideSize a
	// record that is larger than any.
	lineSize = 2 << 30
	wideSize = 1 << 30
	// smallFiles of smallEach records are what a trail of a quiet account has.
	smallFiles = 10_000
	smallEach  = 20
)

// makeFiles writes the files of a shape.
func makeFiles(o options) error {
	m := newTrail(o.seed)
	switch o.shape {
	case "trail":
		return m.trail(o.dir, o.files, o.each)
	case "small":
		return m.trail(o.dir, smallFiles, smallEach)
	case "line":
		return m.line(o.dir, false)
	case "wide":
		return m.line(o.dir, true)
	case "distinct":
		m.distinct = true
		return m.trail(o.dir, o.files, o.each)
	case "audit":
		return audit(o.dir, o.files, o.each, o.seed)
	}
	return fmt.Errorf("%w: shape %q: want trail, small, line, wide, distinct or audit", retinue.ErrInvalid, o.shape)
}

var (
	accounts = []string{"111111111111", "222222222222", "333333333333", "444444444444"}
	regions  = []string{"eu-west-1", "eu-central-1", "us-east-1"}
	begin    = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
)

// slot is how long the trail waits before it delivers a file.
const slot = 5 * time.Minute

// trail makes records of CloudTrail.
type trail struct {
	*rand.Rand
	roles []role
	n     int // records that were made
	// distinct gives every record a role and a table of its own.
	distinct bool
}

// role is one of those who act, with all that it ever does.
type role struct {
	account, region, name, id string
	session                   func(*rand.Rand) string
	agent, address            string
	calls                     []call
}

// call is an operation with its parameters.
type call struct{ service, name, class, parameters, answer string }

// rolesOfAccount is how many roles act in an account.
const rolesOfAccount = 750

func newTrail(seed uint64) *trail {
	t := &trail{Rand: rand.New(rand.NewPCG(seed, 0x7472_6169_6c))} //nolint:gosec // made-up data
	for i := range rolesOfAccount * len(accounts) {
		t.roles = append(t.roles, t.role(i))
	}
	return t
}

func (t *trail) role(i int) role {
	r := role{account: accounts[i%len(accounts)], region: regions[t.IntN(len(regions))], name: fmt.Sprintf("%s-%s-%04d",
		[]string{"billing", "checkout", "ledger", "search", "report"}[t.IntN(5)], []string{"api", "worker", "deploy", "sync"}[t.IntN(4)], i),
		id: fmt.Sprintf("AROAEXAMPLE%09d", i), address: fmt.Sprintf("10.%d.%d.", t.IntN(200), t.IntN(250))}
	switch t.IntN(3) {
	case 0: // a function names the session after itself
		r.session, r.agent = func(*rand.Rand) string { return r.name }, "aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#amd64 exec-env/AWS_Lambda_provided.al2023"
	case 1: // an instance of a few
		r.session, r.agent = func(d *rand.Rand) string { return fmt.Sprintf("i-0%06d%d", i, d.IntN(4)) }, "Boto3/1.40.1 md/Botocore#1.40.1 ua/2.1 os/linux#6.1.0 md/arch#x86_64 lang/python#3.13.5 cfg/retry-mode#standard"
	default: // a pod of a cluster, another name each time
		r.session, r.agent = func(d *rand.Rand) string { return fmt.Sprintf("botocore-session-%d", 1_700_000_000+d.IntN(1e6)) }, "aws-sdk-java/2.33.0 md/io#sync md/http#Apache ua/2.1 os/Linux#6.1.0 lang/java#21.0.4 md/OpenJDK_64-Bit_Server_VM#21.0.4+7-LTS"
	}
	for range 1 + t.IntN(6) {
		r.calls = append(r.calls, t.call(&r))
	}
	return r
}

// call draws an operation; %[1]d of its parameters changes from call to call.
func (t *trail) call(r *role) call {
	n, data := t.IntN(6), fmt.Sprintf("data-%s-%d", r.name, t.IntN(3))
	switch t.IntN(8) {
	case 0, 1:
		return call{"s3", "GetObject", "Data", fmt.Sprintf(`{"bucketName":%[1]q,"Host":"%[1]s.s3.%[2]s.amazonaws.com","key":"in/%%[1]d/part-%%[1]d.parquet"}`, data, r.region), "null"}
	case 2:
		return call{"s3", "PutObject", "Data", fmt.Sprintf(`{"bucketName":%[1]q,"Host":"%[1]s.s3.%[2]s.amazonaws.com","key":"out/%%[1]d.json","x-amz-storage-class":"STANDARD"}`, data, r.region),
			`{"x-amz-server-side-encryption":"AES256"}`}
	case 3:
		return call{"dynamodb", "GetItem", "Data", fmt.Sprintf(`{"tableName":"orders-%d","key":{"id":"HIDDEN"},"consistentRead":false}`, n), "null"}
	case 4:
		return call{"secretsmanager", "GetSecretValue", "Management", fmt.Sprintf(`{"secretId":"arn:aws:secretsmanager:%s:%s:secret:prod/%s-%d-AbCdEf"}`, r.region, r.account, r.name, n), "null"}
	case 5:
		return call{"kms", "Decrypt", "Management", fmt.Sprintf(`{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::%s/part-%%[1]d"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}`, data), "null"}
	case 6:
		return call{"sqs", "ReceiveMessage", "Data", fmt.Sprintf(`{"queueUrl":"https://sqs.%s.amazonaws.com/%s/jobs-%d","maxNumberOfMessages":10,"waitTimeSeconds":20}`, r.region, r.account, n), "null"}
	default:
		return call{"ec2", "DescribeInstances", "Management", `{"filterSet":{"items":[{"name":"tag:env","valueSet":{"items":[{"value":"prod"}]}}]},"instancesSet":{},"maxResults":%[1]d}`, "null"}
	}
}

// one draws who acts among the roles of an account: few act much.
func (t *trail) one(account int) *role {
	x := t.Float64()
	return &t.roles[int(x*x*rolesOfAccount)*len(accounts)+account]
}

// record writes a record of an account within five minutes.
func (t *trail) record(w io.Writer, account int, at time.Time) error {
	t.n++
	r := t.one(account)
	c := r.calls[t.IntN(len(r.calls))]
	if t.distinct {
		own := *r
		own.name = fmt.Sprintf("%s-%x-%s", r.name, t.Uint64(), strings.Repeat("x", 30))
		c = call{"dynamodb", "GetItem", "Data", fmt.Sprintf(`{"tableName":"%s-%s"}`, own.name, strings.Repeat("y", 150)), "null"}
		r = &own
	}
	at = at.Add(time.Duration(t.Int64N(int64(slot))))
	parameters := c.parameters
	if strings.Contains(parameters, "%[1]d") {
		parameters = fmt.Sprintf(parameters, t.IntN(1e6))
	}
	failed, session := "", r.session(t.Rand)
	if t.IntN(50) == 0 {
		failed = `"errorCode":"AccessDenied","errorMessage":"User is not authorized to perform this operation because no identity-based policy allows it",`
	}
	_, err := fmt.Fprintf(w, `{"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","principalId":"%[1]s:%[2]s","arn":"arn:aws:sts::%[3]s:assumed-role/%[4]s/%[2]s","accountId":"%[3]s","accessKeyId":"ASIAEXAMPLE%09[5]d","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"%[1]s","arn":"arn:aws:iam::%[3]s:role/app/%[4]s","accountId":"%[3]s","userName":"%[4]s"},"attributes":{"creationDate":"%[6]s","mfaAuthenticated":"false"}}},"eventTime":"%[7]s","eventSource":"%[8]s.amazonaws.com","eventName":"%[9]s","awsRegion":"%[10]s","sourceIPAddress":"%[11]s%[12]d","userAgent":"%[13]s api/%[8]s#1.58.2",%[14]s"requestParameters":%[15]s,"responseElements":%[16]s,"additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","bytesTransferredOut":%[17]d},"requestID":"%08[17]x-0000-4000-8000-%012[17]x","eventID":"%08[17]x-1111-4000-8000-%012[18]x","readOnly":true,"eventType":"AwsApiCall","managementEvent":%[19]t,"recipientAccountId":"%[3]s","sharedEventID":"%08[17]x-2222-4000-8000-%012[17]x","vpcEndpointId":"vpce-0%015[20]d","vpcEndpointAccountId":"%[3]s","eventCategory":"%[21]s","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"%[8]s.%[10]s.amazonaws.com"}}`,
		r.id, session, r.account, r.name, t.n/5000, at.Truncate(time.Hour).Format(time.RFC3339), at.Format(time.RFC3339), c.service, c.name, r.region, r.address, 1+t.IntN(40), r.agent,
		failed, parameters, c.answer, t.n, t.Uint64()>>16, c.class == "Management", account, c.class)
	return err
}

// trail writes files as a trail delivers them: in the folders of their account,
// region and day, one for each account every five minutes.
func (t *trail) trail(dir string, files, each int) error {
	for i := range files {
		account := i % len(accounts)
		at := begin.Add(time.Duration(i/len(accounts)) * slot)
		region := regions[i/len(accounts)%len(regions)]
		folder := filepath.Join(dir, "AWSLogs", accounts[account], "CloudTrail", region, at.Format("2006/01/02"))
		if err := os.MkdirAll(folder, 0o750); err != nil {
			return err
		}
		name := fmt.Sprintf("%s_CloudTrail_%s_%s_%016x.json.gz", accounts[account], region, at.Format("20060102T1504Z"), t.Uint64())
		if err := writeFile(filepath.Join(folder, name), func(w io.Writer) error {
			return t.records(w, each, account, at)
		}); err != nil {
			return err
		}
	}
	return nil
}

func (t *trail) records(w io.Writer, n, account int, at time.Time) error {
	for i := range n {
		if i > 0 {
			if _, err := io.WriteString(w, ","); err != nil {
				return err
			}
		}
		if err := t.record(w, account, at); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes an envelope of records, compressed where the name says so.
func writeFile(name string, records func(io.Writer) error) error {
	f, err := os.Create(name) //nolint:gosec // the caller names the folder
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(f, 1<<20)
	var w io.Writer = b
	finish := b.Flush
	if strings.HasSuffix(name, ".gz") {
		z := gzip.NewWriter(b)
		w = z
		finish = func() error {
			if err := z.Close(); err != nil {
				return err
			}
			return b.Flush()
		}
	}
	_, err = io.WriteString(w, `{"Records":[`)
	if err == nil {
		err = records(w)
	}
	if err == nil {
		_, err = io.WriteString(w, "]}")
	}
	if err == nil {
		err = finish()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// line writes one file that has no end of line, plain; a wide one holds a record
// of one long text in its middle.
func (t *trail) line(dir string, wide bool) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, accounts[0]+"_CloudTrail_eu-west-1_20260105T0000Z_0.json"), func(w io.Writer) error {
		c := &counter{w: w}
		for i := 0; c.n < lineSize; i++ {
			if i > 0 {
				if _, err := io.WriteString(c, ","); err != nil {
					return err
				}
			}
			if wide && c.n > lineSize/4 {
				wide = false
				if err := long(c); err != nil {
					return err
				}
				continue
			}
			if err := t.record(c, i%len(accounts), begin.Add(time.Duration(i/2000)*slot)); err != nil {
				return err
			}
		}
		return nil
	})
}

// long writes a record that is larger than any may be.
func long(w io.Writer) error {
	_, err := io.WriteString(w, `{"eventVersion":"1.11","eventName":"PutObject","requestParameters":{"key":"`)
	part := strings.Repeat("x", 1<<20)
	for i := 0; i < wideSize>>20 && err == nil; i++ {
		_, err = io.WriteString(w, part)
	}
	if err == nil {
		_, err = io.WriteString(w, `"}}`)
	}
	return err
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

// Write implements io.Writer.
func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

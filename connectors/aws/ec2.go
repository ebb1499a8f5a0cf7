package aws

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
)

// ec2Client makes the two calls of EC2 that are needed. The SDK's client of EC2
// is by far its largest and would add more to the program than all others
// together, for two calls of the Query protocol that are a form each.
type ec2Client struct {
	cfg      aws.Config
	endpoint string
	signer   *v4.Signer
	retryer  aws.Retryer
}

const ec2Version = "2016-11-15"

func newEC2Client(cfg aws.Config) *ec2Client {
	e := &ec2Client{cfg: cfg, signer: v4.NewSigner(), endpoint: "https://ec2." + cfg.Region + "." + dnsSuffix(cfg.Region)}
	if cfg.BaseEndpoint != nil {
		e.endpoint = *cfg.BaseEndpoint
	}
	e.retryer = newRetryer()
	return e
}

// dnsSuffix returns the domain of a region's partition.
func dnsSuffix(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "amazonaws.com.cn"
	case strings.HasPrefix(region, "us-iso-"):
		return "c2s.ic.gov"
	case strings.HasPrefix(region, "us-isob-"):
		return "sc2s.sgov.gov"
	case strings.HasPrefix(region, "eusc-"):
		return "amazonaws.eu"
	}
	return "amazonaws.com"
}

// maxEC2Answer bounds one answer; a page has at most 1,000 instances.
const maxEC2Answer = 64 << 20

func (e *ec2Client) do(ctx context.Context, action string, args url.Values, out any) error {
	args.Set("Action", action)
	args.Set("Version", ec2Version)
	body := args.Encode()
	for attempt := 1; ; attempt++ {
		err := e.once(ctx, body, out)
		if err == nil || attempt >= e.retryer.MaxAttempts() || !e.retryer.IsErrorRetryable(err) {
			return err
		}
		delay, derr := e.retryer.RetryDelay(attempt, err)
		if derr != nil {
			return err
		}
		t := time.NewTimer(delay)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}

func (e *ec2Client) once(ctx context.Context, body string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(e.endpoint, "/")+"/", strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	creds, err := e.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(body))
	if err := e.signer.SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), "ec2", e.cfg.Region, time.Now()); err != nil {
		return err
	}
	res, err := e.cfg.HTTPClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	dec := xml.NewDecoder(io.LimitReader(res.Body, maxEC2Answer))
	if res.StatusCode/100 != 2 {
		var f struct {
			Errors []struct{ Code, Message string } `xml:"Errors>Error"`
		}
		if dec.Decode(&f) != nil || len(f.Errors) == 0 {
			return &smithy.GenericAPIError{Code: fmt.Sprint(res.StatusCode)}
		}
		code := f.Errors[0].Code
		if code == "UnauthorizedOperation" {
			code = "AccessDenied" // EC2's own word for it; the message names the action
		}
		return &smithy.GenericAPIError{Code: code, Message: f.Errors[0].Message}
	}
	if err := dec.Decode(out); err != nil {
		return &smithy.GenericAPIError{Code: "InvalidResponse"}
	}
	return nil
}

// The answers, with the names of the CLI for JSON.
type (
	ec2Regions struct {
		Regions []ec2Region `xml:"regionInfo>item" json:"Regions"`
	}
	ec2Region struct {
		RegionName  string `xml:"regionName"`
		OptInStatus string `xml:"optInStatus"`
	}
	ec2Instances struct {
		Reservations []ec2Reservation `xml:"reservationSet>item" json:"Reservations"`
		NextToken    string           `xml:"nextToken" json:"-"`
	}
	ec2Reservation struct {
		OwnerId   string        `xml:"ownerId"` //nolint:revive // the vendor's spelling
		Instances []ec2Instance `xml:"instancesSet>item"`
	}
	ec2Instance struct {
		InstanceId string `xml:"instanceId"` //nolint:revive // the vendor's spelling
		LaunchTime string `xml:"launchTime"`
		State      struct {
			Name string `xml:"name"`
		} `xml:"instanceState"`
		IamInstanceProfile struct {
			Arn string `xml:"arn"`
		} `xml:"iamInstanceProfile"`
		MetadataOptions struct {
			HttpTokens   string `xml:"httpTokens"`   //nolint:revive // the vendor's spelling
			HttpEndpoint string `xml:"httpEndpoint"` //nolint:revive // the vendor's spelling
		} `xml:"metadataOptions"`
		PublicIpAddress string   `xml:"ipAddress" json:",omitempty"` //nolint:revive // the vendor's spelling
		KeyName         string   `xml:"keyName"`
		Tags            []ec2Tag `xml:"tagSet>item"`
	}
	ec2Tag struct {
		Key   string `xml:"key"`
		Value string `xml:"value"`
	}
)

func (e *ec2Client) regions(ctx context.Context, page func(any) error) error {
	var out ec2Regions
	if err := e.do(ctx, "DescribeRegions", url.Values{}, &out); err != nil {
		return err
	}
	return page(out)
}

func (e *ec2Client) instances(ctx context.Context, page func(any) error) error {
	token := ""
	for {
		args := url.Values{"MaxResults": {"1000"}}
		if token != "" {
			args.Set("NextToken", token)
		}
		var out ec2Instances
		if err := e.do(ctx, "DescribeInstances", args, &out); err != nil {
			return err
		}
		if err := page(out); err != nil {
			return err
		}
		if out.NextToken == "" || out.NextToken == token {
			return nil
		}
		token = out.NextToken
	}
}

package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// regionReader reads one region of an account.
type regionReader struct {
	*accountReader
	region string
}

// regionTasks are the groups of tasks of one region.
func (a *accountReader) regionTasks(region string) [][]task {
	r := &regionReader{accountReader: a, region: region}
	var functions, secrets, keys []string
	t := func(path, service, basis string, read func(context.Context, *scopeWriter) error) task {
		return task{path: "region/" + region + "/" + path, service: service, authority: connector.AuthoritySystem, basis: basis, read: read}
	}
	return [][]task{
		{t("ec2-instances", "ec2", basisPaged+"ec2:DescribeInstances", r.readInstances)},
		{
			t("lambda-functions", "lambda", basisPaged+"lambda:ListFunctions", func(ctx context.Context, w *scopeWriter) error { return r.readFunctions(ctx, w, &functions) }),
			t("lambda-policies", "lambda", "the policy of every function listed", func(ctx context.Context, w *scopeWriter) error {
				return r.readPolicies(ctx, w, functions, opFuncPolicy, "lambda_function", "Policy")
			}),
		},
		{
			t("secrets", "secretsmanager", basisPaged+"secretsmanager:ListSecrets", func(ctx context.Context, w *scopeWriter) error { return r.readSecrets(ctx, w, &secrets) }),
			t("secret-policies", "secretsmanager", "the policy of every secret listed", func(ctx context.Context, w *scopeWriter) error {
				return r.readPolicies(ctx, w, secrets, opSecretPolicy, "secret", "ResourcePolicy")
			}),
		},
		{
			t("kms-keys", "kms", "described for every key that kms:ListKeys lists", func(ctx context.Context, w *scopeWriter) error { return r.readKeys(ctx, w, &keys) }),
			t("kms-policies", "kms", "the policy of every key listed", func(ctx context.Context, w *scopeWriter) error {
				return r.readPolicies(ctx, w, keys, opKeyPolicy, "kms_key", "Policy")
			}),
		},
		{t("sqs-queues", "sqs", "the attributes of every queue listed", r.readQueues)},
		{t("sns-topics", "sns", "the attributes of every topic listed", r.readTopics)},
		{t("ecs", "ecs", "the latest revision of every family and the services of every cluster", r.readECS)},
		{t("eks", "eks", "every cluster with its pod identities and access entries", r.readEKS)},
		{t("rolesanywhere", "rolesanywhere", basisPaged+"rolesanywhere:ListTrustAnchors and ListProfiles", r.readRolesAnywhere)},
	}
}

// read is pages in this region.
func (r *regionReader) read(ctx context.Context, w *scopeWriter, op string, fn func(io.Reader) error) error {
	return r.pages(ctx, w, call{region: r.region, op: op}, fn)
}

// each is eachSubject in this region.
func (r *regionReader) each(ctx context.Context, w *scopeWriter, subjects []string, op string, fn func(string, io.Reader) error) error {
	return r.eachSubject(ctx, w, subjects, call{region: r.region, op: op}, fn)
}

// list gathers the strings of a listing.
func (r *regionReader) list(ctx context.Context, w *scopeWriter, op, member string) ([]string, error) {
	var out []string
	err := r.read(ctx, w, op, func(page io.Reader) error {
		return listOf(page, member, func(s string) error {
			out = append(out, s)
			return nil
		})
	})
	return out, err
}

// listed says whether the listing that a scope of policies depends on was read.
func (r *regionReader) listed(w *scopeWriter) bool {
	of := map[string]string{"lambda-policies": "lambda-functions", "secret-policies": "secrets", "kms-policies": "kms-keys"}
	return r.hasRead("region/" + r.region + "/" + of[lastPart(w.scope.Path)])
}

// readPolicies states the resource policy of each resource by its ARN.
func (r *regionReader) readPolicies(ctx context.Context, w *scopeWriter, arns []string, op, kind, member string) error {
	if !r.listed(w) {
		return errNotExported
	}
	return r.each(ctx, w, arns, op, func(subject string, page io.Reader) error {
		var answer map[string]json.RawMessage
		if err := one(page, &answer); err != nil {
			return err
		}
		return w.emit(resourcePolicy(refTo(kind, subject, r.account), r.account, document(answer[member]))...)
	})
}

func (r *regionReader) readInstances(ctx context.Context, w *scopeWriter) error {
	return r.read(ctx, w, opInstances, func(page io.Reader) error {
		return listOf(page, "Reservations", func(res reservation) error {
			for _, i := range res.Instances {
				if err := r.emitInstance(w, i, res.OwnerId); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

type reservation struct {
	OwnerId   string //nolint:revive // the vendor's spelling
	Instances []instance
}

type instance struct {
	InstanceId         string //nolint:revive // the vendor's spelling
	LaunchTime         moment
	State              struct{ Name string }
	IamInstanceProfile struct{ Arn string }
	MetadataOptions    struct{ HttpTokens, HttpEndpoint string } //nolint:revive // the vendor's spelling
	PublicIpAddress    string                                    //nolint:revive // the vendor's spelling
	KeyName            string
	Tags               tags
}

// emitInstance states an instance. What it acts as is its instance profile,
// which names the roles.
func (r *regionReader) emitInstance(w *scopeWriter, i instance, owner string) error {
	if i.InstanceId == "" || i.State.Name == "terminated" {
		return nil
	}
	if !isAccountID(owner) {
		owner = r.account
	}
	arnText := fmt.Sprintf("arn:%s:ec2:%s:%s:instance/%s", r.partition, r.region, owner, i.InstanceId)
	f := resource("ec2_instance", arnText, r.account, r.region, i.Tags["Name"])
	f.Labels = i.Tags.labels()
	f.CreatedAt = i.LaunchTime.Time
	if p := i.IamInstanceProfile.Arn; p != "" {
		f.RunsAs = []retinue.Ref{refTo("instance_profile", p, r.account)}
	}
	f.Attrs = attrs("instanceProfile", i.IamInstanceProfile.Arn, "httpTokens", i.MetadataOptions.HttpTokens,
		"metadataEndpoint", i.MetadataOptions.HttpEndpoint, "publicAddress", i.PublicIpAddress != "", "keyName", i.KeyName)
	return w.emit(append([]retinue.Fact{f}, ownerSignals(f.Ref, i.Tags)...)...)
}

type function struct {
	FunctionName, FunctionArn, Runtime, Role, KMSKeyArn, Description string
	Environment                                                      struct{ Variables map[string]string }
	Layers                                                           []struct{ Arn string }
	Tags                                                             tags
}

func (r *regionReader) readFunctions(ctx context.Context, w *scopeWriter, arns *[]string) error {
	return r.read(ctx, w, opFunctions, func(page io.Reader) error {
		return listOf(page, "Functions", func(f function) error {
			if f.FunctionArn == "" {
				return fmt.Errorf("%w: an element of Functions has no FunctionArn", retinue.ErrInvalid)
			}
			*arns = append(*arns, f.FunctionArn)
			return w.emit(r.functionFacts(f)...)
		})
	})
}

func (a *accountReader) functionFacts(f function) []retinue.Fact {
	res := resource("lambda_function", f.FunctionArn, a.account, "", f.FunctionName)
	res.RunsAs = roleRefs(a.account, f.Role)
	res.Labels = f.Tags.labels()
	res.Attrs = attrs("runtime", f.Runtime, "kmsKey", f.KMSKeyArn, "description", f.Description)
	facts := append([]retinue.Fact{res}, ownerSignals(res.Ref, f.Tags)...)
	return append(facts, a.variableFacts(res, "Environment.Variables", f.Environment.Variables)...)
}

type secret struct {
	ARN, Name, Description, KmsKeyId, OwningService, RotationLambdaARN string //nolint:revive // the vendor's spelling
	PrimaryRegion                                                      string
	RotationEnabled                                                    bool
	RotationRules                                                      struct {
		AutomaticallyAfterDays int
		ScheduleExpression     string
	}
	CreatedDate, LastRotatedDate, LastChangedDate, LastAccessedDate, DeletedDate moment
	Tags                                                                         tags
}

func (r *regionReader) readSecrets(ctx context.Context, w *scopeWriter, arns *[]string) error {
	return r.read(ctx, w, opSecrets, func(page io.Reader) error {
		return listOf(page, "SecretList", func(s secret) error {
			if s.ARN == "" {
				return errNoARN("SecretList")
			}
			*arns = append(*arns, s.ARN)
			return w.emit(r.secretFacts(s)...)
		})
	})
}

// secretFacts states a secret of Secrets Manager: its metadata, the resource
// that its policy hangs on, and the place that keeps it. The value is never
// asked for. LastAccessedDate is a date, counts reads of any version, and is
// left out for a secret that was never read in the region.
func (a *accountReader) secretFacts(s secret) []retinue.Fact {
	res := resource("secret", s.ARN, a.account, "", s.Name)
	res.CreatedAt, res.Labels = s.CreatedDate.Time, s.Tags.labels()
	ref := retinue.NewRef(res.Ref.Realm, "secret", res.Ref.Key)
	state := retinue.CredentialActive
	if !s.DeletedDate.IsZero() {
		state = retinue.CredentialInactive
	}
	c := retinue.Credential{Ref: ref, Name: retinue.CleanName(s.Name), Kind: retinue.CredentialGenericSecret, Subtype: "secretsmanager_secret",
		State: state, CreatedAt: s.CreatedDate.Time, RotatedAt: s.LastRotatedDate.Time, Labels: s.Tags.labels(),
		Attrs: attrs("rotationEnabled", s.RotationEnabled, "rotationDays", s.RotationRules.AutomaticallyAfterDays,
			"rotationSchedule", s.RotationRules.ScheduleExpression, "rotationFunction", s.RotationLambdaARN,
			"owningService", s.OwningService, "kmsKey", s.KmsKeyId, "changedAt", s.LastChangedDate, "deletedAt", s.DeletedDate)}
	if s.OwningService != "" {
		c.Managed = retinue.ManagedByPlatform
	}
	facts := []retinue.Fact{res, c, retinue.Placement{Credential: ref, Confidence: retinue.ConfidenceCertain,
		Place: retinue.Place{Kind: retinue.PlaceVault, Realm: a.realm(), Container: accountRef(a.account), Path: retinue.CleanName(s.Name)}}}
	if !s.LastAccessedDate.IsZero() {
		facts = append(facts, retinue.Use{Subject: ref, Meaning: "last_read", At: s.LastAccessedDate.Time, Precision: 86400, Grade: retinue.GradeC})
	}
	return append(facts, ownerSignals(ref, s.Tags)...)
}

func (r *regionReader) readKeys(ctx context.Context, w *scopeWriter, arns *[]string) error {
	err := r.read(ctx, w, opKeys, func(page io.Reader) error {
		return listOf(page, "Keys", func(k struct{ KeyArn string }) error {
			*arns = append(*arns, k.KeyArn)
			return nil
		})
	})
	if err != nil {
		return err
	}
	return r.each(ctx, w, *arns, opKey, func(_ string, page io.Reader) error {
		var p struct {
			KeyMetadata struct {
				Arn, KeyManager, KeyState, KeyUsage, Origin, Description string
				CreationDate                                             moment
			}
		}
		if err := one(page, &p); err != nil {
			return err
		}
		k := p.KeyMetadata
		f := resource("kms_key", k.Arn, r.account, r.region, "")
		f.CreatedAt = k.CreationDate.Time
		f.Attrs = attrs("state", k.KeyState, "usage", k.KeyUsage, "origin", k.Origin, "description", k.Description)
		if k.KeyManager == "AWS" {
			f.Managed = retinue.ManagedByProvider
		}
		return w.emit(f)
	})
}

func (r *regionReader) readQueues(ctx context.Context, w *scopeWriter) error {
	urls, err := r.list(ctx, w, opQueues, "QueueUrls")
	if err != nil {
		return err
	}
	return r.each(ctx, w, urls, opQueue, func(_ string, page io.Reader) error {
		return r.emitAttributes(w, page, "sqs_queue", "QueueArn")
	})
}

func (r *regionReader) readTopics(ctx context.Context, w *scopeWriter) error {
	var topics []string
	err := r.read(ctx, w, opTopics, func(page io.Reader) error {
		return listOf(page, "Topics", func(t struct{ TopicArn string }) error {
			topics = append(topics, t.TopicArn)
			return nil
		})
	})
	if err != nil {
		return err
	}
	return r.each(ctx, w, topics, opTopic, func(_ string, page io.Reader) error {
		return r.emitAttributes(w, page, "sns_topic", "TopicArn")
	})
}

// emitAttributes states a queue or topic, whose policy is one of its
// attributes.
func (r *regionReader) emitAttributes(w *scopeWriter, page io.Reader, kind, arnName string) error {
	var p struct{ Attributes map[string]string }
	if err := one(page, &p); err != nil {
		return err
	}
	arnText := p.Attributes[arnName]
	if arnText == "" {
		return fmt.Errorf("%w: the attributes have no %s", retinue.ErrInvalid, arnName)
	}
	f := resource(kind, arnText, r.account, r.region, "")
	f.Attrs = attrs("kmsKey", p.Attributes["KmsMasterKeyId"])
	return w.emit(append([]retinue.Fact{f}, resourcePolicy(f.Ref, r.account, documentText(p.Attributes["Policy"]))...)...)
}

func (r *regionReader) readRolesAnywhere(ctx context.Context, w *scopeWriter) error {
	err := r.read(ctx, w, opAnchors, func(page io.Reader) error {
		return listOf(page, "trustAnchors", func(t trustAnchor) error { return w.emit(r.anchorFacts(t)...) })
	})
	if err != nil {
		return err
	}
	return r.read(ctx, w, opRAProfiles, func(page io.Reader) error {
		return listOf(page, "profiles", func(p anywhereProfile) error {
			f := resource("roles_anywhere_profile", p.ProfileArn, r.account, r.region, p.Name)
			f.RunsAs, f.CreatedAt = roleRefs(r.account, p.RoleArns...), p.CreatedAt.Time
			f.Attrs = attrs("enabled", p.Enabled, "acceptRoleSessionName", p.AcceptRoleSessionName, "durationSeconds", p.DurationSeconds)
			facts := []retinue.Fact{f}
			if doc := documentText(p.SessionPolicy); doc != "" {
				ref := inlineRef(f.Ref, "session")
				facts = append(facts, policyFact(ref, p.Name+" (session policy)", doc, accountRef(r.account)),
					retinue.Attachment{Policy: ref, Target: f.Ref, Role: retinue.AttachSession})
			}
			for _, m := range p.ManagedPolicyArns {
				if strings.HasPrefix(m, "arn:") {
					facts = append(facts, retinue.Attachment{Policy: policyRef(m, r.account), Target: f.Ref, Role: retinue.AttachSession})
				}
			}
			return w.emit(facts...)
		})
	})
}

type anywhereProfile struct {
	ProfileArn, Name, SessionPolicy string
	Enabled, AcceptRoleSessionName  bool
	DurationSeconds                 int
	RoleArns, ManagedPolicyArns     []string
	CreatedAt                       moment
}

type trustAnchor struct {
	TrustAnchorArn, Name string
	Enabled              bool
	CreatedAt            moment
	Source               struct {
		SourceType string
		SourceData json.RawMessage
	}
}

package account

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// The bounds of a sentence.
const (
	namedServices  = 3
	namedResources = 2
)

// sentence says what some actions of a statement on resources come to, as the
// end of "it …".
func (h *holding) sentence(c class, actions, about []string, st *awsiam.Statement) string {
	what := h.what(actions, about, st)
	service, _, _ := strings.Cut(actions[0], ":")
	if c.part != "" { // all of one service
		if phrase, ok := phrases()[string(c.consequence)+" "+strings.ToLower(service)]; ok {
			return fmt.Sprintf(phrase, what)
		}
	}
	switch c.consequence {
	case access.Escalates:
		if len(actions) == 1 {
			if strings.EqualFold(actions[0], "iam:PassRole") {
				return "may pass " + what + " to " + passedTo(st)
			}
			if phrase, ok := steps()[strings.ToLower(actions[0])]; ok {
				return fmt.Sprintf(phrase, what)
			}
			return "comes to more rights by " + actions[0] + " on " + what
		}
		return fmt.Sprintf("comes to more rights by %d actions, such as %s, on %s", len(actions), actions[0], what)
	case access.ReadsSecrets:
		return "obtains credentials of " + strings.TrimPrefix(what, everythingOf)
	case access.ExposesResources:
		return "changes who may use " + what
	case access.Destroys:
		return "deletes " + what
	case access.ReadsData:
		return "reads " + what
	case access.Changes:
		return "changes " + what
	}
	return "lists and describes " + what
}

// steps are phrases for ways to more rights.
func steps() map[string]string {
	return map[string]string{
		"sts:assumerole":                               "may act as %s",
		"iam:createaccesskey":                          "makes access keys of %s",
		"iam:createloginprofile":                       "sets the console password of %s",
		"iam:updateloginprofile":                       "changes the console password of %s",
		"iam:attachuserpolicy":                         "attaches policies to %s",
		"iam:attachgrouppolicy":                        "attaches policies to %s",
		"iam:attachrolepolicy":                         "attaches policies to %s",
		"iam:putuserpolicy":                            "writes the policies of %s",
		"iam:putgrouppolicy":                           "writes the policies of %s",
		"iam:putrolepolicy":                            "writes the policies of %s",
		"iam:createpolicyversion":                      "rewrites %s",
		"iam:setdefaultpolicyversion":                  "puts another version of %s in force",
		"iam:addusertogroup":                           "puts users into %s",
		"iam:updateassumerolepolicy":                   "changes who may act as %s",
		"iam:deleteuserpermissionsboundary":            "takes away the permissions boundary of %s",
		"iam:deleterolepermissionsboundary":            "takes away the permissions boundary of %s",
		"iam:putuserpermissionsboundary":               "changes the permissions boundary of %s",
		"iam:putrolepermissionsboundary":               "changes the permissions boundary of %s",
		"lambda:updatefunctioncode":                    "changes the code of %s",
		"lambda:updatefunctionconfiguration":           "changes what %s runs",
		"ssm:sendcommand":                              "runs commands on %s",
		"ssm:startsession":                             "opens a shell on %s",
		"ec2-instance-connect:sendsshpublickey":        "opens a shell on %s",
		"ec2:modifyinstanceattribute":                  "changes what %s runs when it starts",
		"codebuild:startbuild":                         "runs builds of its own in %s",
		"codebuild:startbuildbatch":                    "runs builds of its own in %s",
		"cloudformation:updatestack":                   "changes %s as the role of the stack",
		"cloudformation:executechangeset":              "changes %s as the role of the stack",
		"glue:updatedevendpoint":                       "opens a shell on %s",
		"sagemaker:createpresignednotebookinstanceurl": "opens %s",
		"sagemaker:updatenotebookinstance":             "changes what %s runs when it starts",
		"apprunner:updateservice":                      "changes what %s runs",
		"ec2:createlaunchtemplateversion":              "changes what %s starts",
	}
}

// phrases are for consequences of the actions of one service.
func phrases() map[string]string {
	return map[string]string{
		string(access.ReadsSecrets) + " secretsmanager": "reads %s",
		string(access.ReadsSecrets) + " ssm":            "reads %s",
		string(access.ReadsData) + " kms":               "decrypts with %s",
		string(access.ExposesResources) + " iam":        "changes the permissions of %s",
		string(access.ExposesResources) + " ram":        "shares resources with others by %s",
		string(access.Changes) + " kms":                 "encrypts with or changes %s",
		string(access.Changes) + " logs":                "writes to %s",
	}
}

// passedTo names the services that a statement allows roles to be passed to.
func passedTo(st *awsiam.Statement) string {
	for i := range st.Conditions {
		c := &st.Conditions[i]
		op := strings.ToLower(c.Operator)
		if strings.EqualFold(c.Key, "iam:PassedToService") && (strings.HasPrefix(op, "stringequals") || strings.HasPrefix(op, "stringlike")) {
			return list(c.Values, namedServices, func(v string) string { return retinue.CleanName(strings.TrimSuffix(v, ".amazonaws.com")) })
		}
	}
	return "any service"
}

// everythingOf begins what is said of all resources of services.
const everythingOf = "everything of "

// what names the resources that some actions are allowed on.
func (h *holding) what(actions, about []string, st *awsiam.Statement) string {
	if st.NotResources != nil {
		return h.all(actions) + " but " + list(st.NotResources, namedResources, retinue.CleanName)
	}
	if slices.ContainsFunc(about, func(r string) bool { return strings.Trim(r, "*") == "" }) {
		return h.all(actions)
	}
	return list(about, namedResources, h.words)
}

// all names every resource that some actions are for.
func (h *holding) all(actions []string) string {
	if len(actions) == 1 {
		if a, ok := h.data.Action(actions[0]); ok {
			for _, r := range a.Resources {
				if relevance(strings.ToLower(a.Name), r) == 0 || len(a.Resources) == 1 {
					return "every " + spelled(r.Type)
				}
			}
		}
	}
	var services []string
	for _, a := range actions {
		prefix, _, _ := strings.Cut(a, ":")
		services = union(services, []string{h.service(prefix)})
	}
	if len(services) > namedServices {
		return fmt.Sprintf(everythingOf+"%d services", len(services))
	}
	return everythingOf + list(services, namedServices, func(s string) string { return s })
}

// service is the name of a service.
func (h *holding) service(prefix string) string {
	if s, ok := h.data.Service(prefix); ok && s.Name != "" {
		return s.Name
	}
	return prefix
}

// list joins names, at most as many as are to be named.
func list(names []string, most int, word func(string) string) string {
	out := make([]string, 0, most)
	for _, n := range names[:min(len(names), most)] {
		out = append(out, word(n))
	}
	switch more := len(names) - len(out); {
	case more > 0:
		return strings.Join(out, ", ") + fmt.Sprintf(" and %d more", more)
	case len(out) > 1:
		return strings.Join(out[:len(out)-1], ", ") + " and " + out[len(out)-1]
	case len(out) == 0:
		return "nothing"
	}
	return out[0]
}

// words names a resource or a pattern of resources.
func (h *holding) words(pattern string) string {
	pattern = retinue.CleanName(pattern)
	parts := strings.SplitN(pattern, ":", 6)
	if len(parts) < 6 {
		return pattern
	}
	service, rest := parts[2], parts[5]
	if service == "s3" && parts[4] == "" {
		return bucketWords(rest)
	}
	kind, name, ok := rest, "", false
	if i := strings.IndexAny(rest, ":/"); i >= 0 {
		kind, name, ok = rest[:i], rest[i+1:], true
	}
	switch {
	case strings.Trim(kind, "*") == "":
		return everythingOf + h.service(service)
	case !ok && (service == "sqs" || service == "sns"):
		kind, name = map[string]string{"sqs": "queue", "sns": "topic"}[service], rest
	case !ok || strings.ContainsAny(kind, "*?"):
		return pattern
	}
	return titled(spelled(kind), name)
}

func titled(kind, name string) string {
	switch {
	case strings.Trim(name, "*/:") == "":
		return "every " + kind
	case strings.ContainsAny(name, "*?"):
		return "each " + kind + " named " + name
	}
	return "the " + kind + " " + name
}

func bucketWords(rest string) string {
	bucket, key, object := strings.Cut(rest, "/")
	of := titled("bucket", bucket)
	switch {
	case !object && strings.Trim(rest, "*") == "":
		return "every bucket and object"
	case !object:
		return of
	case strings.Trim(bucket, "*") == "" && strings.Trim(key, "*") == "":
		return "every object of every bucket"
	case strings.Trim(key, "*") == "" && key != "":
		return "every object of " + of
	case strings.ContainsAny(key, "*?"):
		return "each object named " + key + " of " + of
	}
	return "the object " + key + " of " + of
}

// spelled turns a type such as "dbInstance" or "log-group" into words.
func spelled(kind string) string {
	var b strings.Builder
	for i, c := range kind {
		switch {
		case c == '-' || c == '_':
			b.WriteByte(' ')
		case unicode.IsUpper(c) && i == 0 && len(kind) > 1 && unicode.IsLower(rune(kind[1])):
			b.WriteRune(unicode.ToLower(c))
		case unicode.IsUpper(c) && i > 0 && unicode.IsLower(rune(kind[i-1])):
			b.WriteByte(' ')
			b.WriteRune(unicode.ToLower(c))
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// Package summary picks, for a policy document, the package that summarises its
// language. Like them it is about single documents and evaluates nothing.
package summary

import (
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/k8srbac"
	"github.com/retinue-id/retinue/internal/access/pgacl"
	"github.com/retinue-id/retinue/internal/access/pipelines"
	"github.com/retinue-id/retinue/internal/access/platform"
)

// Of summarises a document of a language. It wraps retinue.ErrUnsupported for
// languages that nothing here reads and retinue.ErrInvalid for documents that
// cannot be read. It is a pure function: callers may keep the answer by the
// document's hash.
func Of(language retinue.PolicyLanguage, document string) (access.Summary, error) {
	if document == "" {
		return access.Summary{}, nil
	}
	switch language {
	case retinue.LanguageAWSIAM:
		return awsiam.Summarize(document)
	case retinue.LanguageK8sRBAC:
		return k8srbac.Summarize(document)
	case retinue.LanguagePostgreSQL:
		return pgacl.Summarize(document)
	case retinue.LanguageRetinue:
		return platform.Summarize(document)
	case retinue.LanguagePipeline:
		return pipelines.Summarize(document)
	}
	return access.Summary{}, fmt.Errorf("%w: summarise a policy in language %q", retinue.ErrUnsupported, language)
}

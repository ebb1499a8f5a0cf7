package app

import (
	"github.com/retinue-id/retinue/internal/web/api"
)

// API returns the HTTP interface over the installation.
func (a *App) API(who api.Authenticator) (*api.API, error) {
	return api.New(api.Services{Auth: who, Log: a.log, Now: a.DB.Now, Version: Version,
		Identities: a, Things: a, Relations: a, Findings: a, Undoer: a, Rules: a, Records: a, Views: a, Answers: a})
}

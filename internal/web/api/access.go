package api

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
)

// access says who may call an operation. Exactly one of Permission, SignedIn
// and Public is set.
type access struct {
	// Permission is what the caller must have somewhere. Where it holds is
	// the scope that the handler gives to the store.
	Permission auth.Permission
	// SignedIn lets every account and token call: what it concerns is the
	// caller's own.
	SignedIn bool
	// Public lets anyone call.
	Public bool
	// Fresh asks for a second factor within the last ten minutes.
	Fresh bool
	// Enrol lets those call too who are signed in as far as setting up a
	// second factor.
	Enrol bool
}

// accessTable is who may call what: the one place that decides it. A test
// walks every operation with every role. Each section belongs to the file of
// the resource that it names.
func accessTable() map[string]access { //nolint:funlen // one table, so that it is read as one
	may := func(p auth.Permission) access { return access{Permission: p} }
	fresh := func(p auth.Permission) access { return access{Permission: p, Fresh: true} }
	signedIn := access{SignedIn: true}
	public := access{Public: true}
	enrol := access{SignedIn: true, Enrol: true}
	_ = fresh
	return map[string]access{
		// The document and the caller.
		"get-openapi":       public,
		"get-me":            signedIn,
		"get-preferences":   signedIn,
		"put-preferences":   signedIn,
		"list-views":        signedIn,
		"put-view":          signedIn,
		"delete-view":       signedIn,
		"get-events":        signedIn,
		"undo":              signedIn,
		"mark-visit":        signedIn,
		"search-everything": may(auth.PermInventoryRead),

		// People come in: what these ask for is the proof itself.
		"get-sign-in-methods":   public,
		"set-up":                public,
		"accept-invitation":     public,
		"sign-in-password":      public,
		"sign-in-code":          public,
		"begin-sign-in-passkey": public,
		"sign-in-passkey":       public,
		"sign-in-link":          public,
		"start-sign-in-sso":     public,
		"finish-sign-in-sso":    public,
		"sign-out":              public,
		"begin-device":          public,
		"get-device-token":      public,

		// What the caller proves themselves with. Beyond the first factor, the
		// service asks for a fresh second one.
		"list-factors":                 enrol,
		"set-password":                 enrol,
		"begin-totp":                   enrol,
		"finish-totp":                  enrol,
		"remove-totp":                  {SignedIn: true, Fresh: true},
		"make-recovery-codes":          {SignedIn: true, Fresh: true},
		"begin-add-passkey":            enrol,
		"add-passkey":                  enrol,
		"remove-passkey":               {SignedIn: true, Fresh: true},
		"refresh-factor-code":          signedIn,
		"refresh-factor-password":      signedIn,
		"begin-refresh-factor-passkey": signedIn,
		"refresh-factor-passkey":       signedIn,
		"get-device":                   signedIn,
		"decide-device":                {SignedIn: true, Fresh: true},
		"list-sessions":                signedIn,
		"end-session":                  signedIn,
		"end-other-sessions":           signedIn,
		"list-tokens":                  signedIn,
		"create-token":                 {SignedIn: true, Fresh: true},
		"revoke-token":                 signedIn,
		"list-roles":                   signedIn,

		// The people of the platform.
		"list-accounts":        may(auth.PermAccountsManage),
		"get-account":          may(auth.PermAccountsManage),
		"change-account":       fresh(auth.PermAccountsManage),
		"reset-account":        fresh(auth.PermAccountsManage),
		"delete-account":       fresh(auth.PermAccountsManage),
		"list-invitations":     may(auth.PermAccountsManage),
		"invite":               fresh(auth.PermAccountsManage),
		"withdraw-invitation":  may(auth.PermAccountsManage),
		"list-role-bindings":   may(auth.PermAccountsManage),
		"bind-role":            fresh(auth.PermAccountsManage),
		"unbind-role":          fresh(auth.PermAccountsManage),
		"list-account-groups":  may(auth.PermAccountsManage),
		"get-account-group":    may(auth.PermAccountsManage),
		"create-account-group": fresh(auth.PermAccountsManage),
		"change-account-group": fresh(auth.PermAccountsManage),
		"delete-account-group": fresh(auth.PermAccountsManage),
		"list-sso-providers":   may(auth.PermSettingsManage),
		"get-sso-provider":     may(auth.PermSettingsManage),
		"create-sso-provider":  fresh(auth.PermSettingsManage),
		"put-sso-provider":     fresh(auth.PermSettingsManage),
		"delete-sso-provider":  fresh(auth.PermSettingsManage),

		// The inventory.
		"get-overview":             may(auth.PermInventoryRead),
		"get-population":           may(auth.PermInventoryRead),
		"list-identities":          may(auth.PermInventoryRead),
		"get-identity":             may(auth.PermInventoryRead),
		"get-identity-access":      may(auth.PermInventoryRead),
		"get-identity-usage":       may(auth.PermInventoryRead),
		"get-credential-usage":     may(auth.PermInventoryRead),
		"list-verdicts":            may(auth.PermInventoryRead),
		"list-signals":             may(auth.PermInventoryRead),
		"get-identity-signals":     may(auth.PermInventoryRead),
		"get-credential-signals":   may(auth.PermInventoryRead),
		"list-signal-dismissals":   may(auth.PermInventoryRead),
		"revoke-signal-dismissal":  may(auth.PermFindingsTriage),
		"unmask-identity-usage":    fresh(auth.PermUsagePeople),
		"unmask-credential-usage":  fresh(auth.PermUsagePeople),
		"get-usage-shares":         may(auth.PermInventoryRead),
		"list-usage-events":        may(auth.PermInventoryRead),
		"unmask-usage-events":      fresh(auth.PermUsagePeople),
		"get-activity-logs":        may(auth.PermSourcesRead),
		"get-identity-credentials": may(auth.PermInventoryRead),
		"get-identity-trusts":      may(auth.PermInventoryRead),
		"get-identity-placements":  may(auth.PermInventoryRead),
		"get-identity-findings":    may(auth.PermInventoryRead),
		"get-identity-history":     may(auth.PermInventoryRead),
		"get-identity-facts":       may(auth.PermInventoryRead),
		"get-identity-picture":     may(auth.PermInventoryRead),
		"get-identity-held":        may(auth.PermInventoryRead),
		"get-identity-without":     may(auth.PermInventoryRead),
		"ask-can":                  may(auth.PermInventoryRead),
		"ask-who-can":              may(auth.PermInventoryRead),
		"list-escalations":         may(auth.PermInventoryRead),
		"list-attack-paths":        may(auth.PermInventoryRead),
		"get-blast-radius":         may(auth.PermInventoryRead),
		"get-cuts":                 may(auth.PermInventoryRead),
		"get-choke-points":         may(auth.PermInventoryRead),
		"get-identity-whole":       may(auth.PermInventoryRead),
		"get-credential-whole":     may(auth.PermInventoryRead),
		"get-diff":                 may(auth.PermInventoryRead),
		"list-scopes":              may(auth.PermSourcesRead),
		"list-rule-texts":          may(auth.PermRulesRead),
		"list-credentials":         may(auth.PermInventoryRead),
		"get-credential":           may(auth.PermInventoryRead),
		"get-credential-calendar":  may(auth.PermInventoryRead),
		"list-grants":              may(auth.PermInventoryRead),
		"list-changes":             may(auth.PermInventoryRead),
		"get-identity-facets":      may(auth.PermInventoryRead),
		"get-credential-facets":    may(auth.PermInventoryRead),
		"list-findings":            may(auth.PermInventoryRead),
		"get-finding":              may(auth.PermInventoryRead),
		"decide-findings":          may(auth.PermFindingsTriage),
		"list-rules":               may(auth.PermRulesRead),
		"get-rule":                 may(auth.PermRulesRead),
		"list-records":             may(auth.PermAuditRead),
		"verify-records":           may(auth.PermAuditRead),
		"export-identities":        may(auth.PermInventoryRead),
		"export-credentials":       may(auth.PermInventoryRead),
		"export-grants":            may(auth.PermInventoryRead),
		"export-findings":          may(auth.PermInventoryRead),
		"export-records":           may(auth.PermAuditRead),
		"export-report":            may(auth.PermInventoryRead),
		"export-archive":           may(auth.PermEvidenceExport),

		// What a change would have refused of what was really done.
		"simulate-disable-identity":   may(auth.PermInventoryRead),
		"simulate-disable-credential": may(auth.PermInventoryRead),
		"simulate-split-identity":     may(auth.PermInventoryRead),
		"simulate-split-credential":   may(auth.PermInventoryRead),
		"simulate-deny-identity":      may(auth.PermInventoryRead),
		"simulate-deny-credential":    may(auth.PermInventoryRead),
		"simulate-revoke":             may(auth.PermInventoryRead),
		"simulate-policy":             may(auth.PermInventoryRead),
		"right-size-identity":         may(auth.PermInventoryRead),
		"get-unused-grants":           may(auth.PermInventoryRead),

		// Sources, scans and collectors. What decides where credentials are sent
		// needs a fresh second factor, and so does what makes a credential.
		"list-sources":          may(auth.PermSourcesRead),
		"get-source":            may(auth.PermSourcesRead),
		"list-connectors":       may(auth.PermSourcesRead),
		"list-scans":            may(auth.PermSourcesRead),
		"get-scan":              may(auth.PermSourcesRead),
		"create-source":         fresh(auth.PermSourcesManage),
		"change-source":         fresh(auth.PermSourcesManage),
		"remove-source":         fresh(auth.PermSourcesManage),
		"set-source-secret":     fresh(auth.PermSourcesManage),
		"remove-source-secret":  fresh(auth.PermSourcesManage),
		"set-source-hook":       fresh(auth.PermSourcesManage),
		"remove-source-hook":    fresh(auth.PermSourcesManage),
		"check-source":          may(auth.PermScansRun),
		"request-scan":          may(auth.PermScansRun),
		"read-source-logs":      may(auth.PermScansRun),
		"pause-source-logs":     may(auth.PermSourcesManage),
		"resume-source-logs":    may(auth.PermSourcesManage),
		"cancel-scan":           may(auth.PermScansRun),
		"take-scan-hook":        public, // signed
		"list-collectors":       may(auth.PermSourcesRead),
		"get-collector":         may(auth.PermSourcesRead),
		"create-collector":      fresh(auth.PermSourcesManage),
		"change-collector":      fresh(auth.PermSourcesManage),
		"renew-collector-token": fresh(auth.PermSourcesManage),
		"revoke-collector":      fresh(auth.PermSourcesManage),
		"enroll-collector":      may(auth.PermIngestWrite),
		"begin-hand-in":         may(auth.PermIngestWrite),
		"get-hand-in":           may(auth.PermIngestWrite),
		"put-chunk":             may(auth.PermIngestWrite),
		"complete-hand-in":      may(auth.PermIngestWrite),

		// Records of logs that systems push.
		"push-events":                  may(auth.PermIngestWrite),
		"push-events-of":               may(auth.PermIngestWrite),
		"push-signed-events":           public, // signed
		"import-activity":              may(auth.PermIngestWrite),
		"get-activity-position":        may(auth.PermIngestWrite),
		"get-log-coverage":             may(auth.PermSourcesRead),
		"attest-logs":                  may(auth.PermSourcesManage),
		"withdraw-log-words":           may(auth.PermSourcesManage),
		"list-event-streams":           may(auth.PermSourcesRead),
		"pause-event-stream":           may(auth.PermSourcesManage),
		"resume-event-stream":          may(auth.PermSourcesManage),
		"set-collector-signing-key":    fresh(auth.PermSourcesManage),
		"remove-collector-signing-key": fresh(auth.PermSourcesManage),

		// Telling people and systems. Whoever may change channels sees them:
		// their options name systems inside the organisation.
		"list-channel-kinds":          may(auth.PermChannelsManage),
		"list-channels":               may(auth.PermChannelsManage),
		"get-channel":                 may(auth.PermChannelsManage),
		"create-channel":              fresh(auth.PermChannelsManage),
		"put-channel":                 fresh(auth.PermChannelsManage),
		"delete-channel":              fresh(auth.PermChannelsManage),
		"test-channel":                may(auth.PermChannelsManage),
		"list-stream-kinds":           may(auth.PermChannelsManage),
		"list-streams":                may(auth.PermChannelsManage),
		"get-stream":                  may(auth.PermChannelsManage),
		"create-stream":               fresh(auth.PermChannelsManage),
		"put-stream":                  fresh(auth.PermChannelsManage),
		"delete-stream":               fresh(auth.PermChannelsManage),
		"test-stream":                 may(auth.PermChannelsManage),
		"list-checkpoint-place-kinds": may(auth.PermChannelsManage),
		"list-checkpoint-places":      may(auth.PermChannelsManage),
		"get-checkpoint-place":        may(auth.PermChannelsManage),
		"create-checkpoint-place":     fresh(auth.PermChannelsManage),
		"put-checkpoint-place":        fresh(auth.PermChannelsManage),
		"delete-checkpoint-place":     fresh(auth.PermChannelsManage),
		"test-checkpoint-place":       may(auth.PermChannelsManage),
		"list-routes":                 may(auth.PermChannelsManage),
		"get-route":                   may(auth.PermChannelsManage),
		"create-route":                may(auth.PermChannelsManage),
		"put-route":                   may(auth.PermChannelsManage),
		"delete-route":                may(auth.PermChannelsManage),
		"preview-routes":              may(auth.PermChannelsManage),
		"list-notice-kinds":           signedIn,
		"list-notices":                may(auth.PermInventoryRead),
		"get-notice":                  may(auth.PermInventoryRead),
		"acknowledge-notice":          may(auth.PermFindingsTriage),
		"list-deliveries":             may(auth.PermChannelsManage),
		"retry-delivery":              may(auth.PermChannelsManage),
		"list-tickets":                may(auth.PermInventoryRead),
		"get-ticket":                  may(auth.PermInventoryRead),
		"open-tickets":                may(auth.PermFindingsTriage),
		"sync-ticket":                 may(auth.PermFindingsTriage),
		"receive-ticket-hook":         public,
		"list-checkpoints":            may(auth.PermAuditRead),
		"push-checkpoint":             may(auth.PermChannelsManage),
		"verify-checkpoint":           may(auth.PermAuditRead),

		// Owners. Rules decide what owners see, so that they are the
		// administrator's.
		"get-registration":             may(auth.PermInventoryRead),
		"patch-registration":           may(auth.PermInventoryEdit),
		"assign-owner":                 may(auth.PermInventoryEdit),
		"list-owners":                  may(auth.PermInventoryRead),
		"get-owner":                    may(auth.PermInventoryRead),
		"list-owner-queue":             may(auth.PermInventoryRead),
		"get-identity-ownership":       may(auth.PermInventoryRead),
		"deny-owner":                   may(auth.PermInventoryEdit),
		"get-ownership-rules":          may(auth.PermRulesRead),
		"list-ownership-rules-history": may(auth.PermRulesRead),
		"put-ownership-rules":          may(auth.PermSettingsManage),
		"preview-ownership-rules":      may(auth.PermSettingsManage),
		"list-third-parties":           may(auth.PermInventoryRead),
		"get-retention":                may(auth.PermAuditRead),
		"put-retention":                fresh(auth.PermSettingsManage),
		"get-sealing":                  may(auth.PermSettingsManage),
		"change-sealing":               fresh(auth.PermSettingsManage),
		"get-idle-threshold":           may(auth.PermInventoryRead),
		"put-idle-threshold":           may(auth.PermSettingsManage),
		"preview-idle-threshold":       may(auth.PermSettingsManage),
	}
}

// check returns ErrDenied in the form that the caller is told, or nil.
func (l access) check(c auth.Caller, now time.Time) error {
	switch {
	case l.Public:
		return nil
	case c.Pending == auth.PendingEnrol && l.Enrol:
		return nil
	case c.Pending == auth.PendingEnrol:
		return errEnrol
	case !c.SignedIn():
		return errSignIn
	case l.Permission != "" && !c.Can(l.Permission):
		return fail(http.StatusForbidden, ProblemPermission, "it needs the permission "+string(l.Permission))
	case l.Permission == "" && !l.SignedIn:
		return fmt.Errorf("%w: the operation has no line in the access table", retinue.ErrDenied)
	case l.Fresh && !c.IsFresh(now):
		return errFresh
	}
	return nil
}

// Route is an operation and who may call it.
type Route struct {
	OperationID, Method, Path string
	Permission                auth.Permission
	SignedIn, Public, Fresh   bool
}

// Routes lists every operation in order of registration.
func (a *API) Routes() []Route { return slices.Clone(a.routes) }

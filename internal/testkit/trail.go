package testkit

// TrailRecords are the fields of a file of CloudTrail that counting needs, as a
// program that only decodes would have them: what the speed of reading is held
// against.
type TrailRecords struct {
	Records []struct {
		EventVersion, EventTime, EventSource, EventName, AwsRegion, SourceIPAddress, UserAgent, ErrorCode string
		EventID, EventType, EventCategory, RecipientAccountID, VpcEndpointID                              string
		UserIdentity                                                                                      struct {
			Type, PrincipalID, Arn, AccountID, AccessKeyID, UserName, InvokedBy, IdentityProvider string
			SessionContext                                                                        struct {
				Attributes     struct{ MfaAuthenticated, CreationDate string }
				SessionIssuer  struct{ Type, Arn, AccountID, UserName string }
				SourceIdentity string
			}
		}
		RequestParameters map[string]any
		Resources         []struct{ ARN, AccountID, Type string }
	}
}

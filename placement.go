package retinue

import (
	"strconv"
	"time"
)

// PlaceKind says what sort of place holds or reads a credential.
type PlaceKind string

// The place kinds.
const (
	PlaceFile           PlaceKind = "file"
	PlaceGit            PlaceKind = "git"              // a file of a commit
	PlaceCIVariable     PlaceKind = "ci_variable"      // a secret or variable of a pipeline system
	PlaceKubernetes     PlaceKind = "k8s_secret"       // a Secret of a cluster
	PlaceVault          PlaceKind = "vault"            // a path of a secret manager
	PlaceMCPConfig      PlaceKind = "mcp_config"       // a configuration of an AI agent or tool server
	PlaceEnvironment    PlaceKind = "environment"      // the environment of a process, unit or container
	PlaceCloudConfig    PlaceKind = "cloud_config"     // a cloud resource's configuration (function variables, user data)
	PlaceAuthorizedKeys PlaceKind = "authorized_keys"  // an authorized_keys line
	PlaceTrustStore     PlaceKind = "trust_store"      // a bundle of trusted certificates
	PlaceDatabase       PlaceKind = "database"         // a row or setting of a database
	PlaceMessage        PlaceKind = "message"          // chat, ticket, wiki page
	PlaceImage          PlaceKind = "container_image"  // a layer of a container image
	PlaceKeychain       PlaceKind = "keychain"         // an operating system's key store
	PlaceInstanceStore  PlaceKind = "instance_profile" // metadata service of a machine
)

// Managed reports whether a kind of place is a secret manager, so that a
// credential that lies only in such places is kept "in a vault".
func (k PlaceKind) Managed() bool { return k == PlaceVault || k == PlaceKeychain }

// Place is where something was found, as exactly as a person needs to go
// there. Never the secret and never the line's text.
type Place struct {
	Kind  PlaceKind `json:"kind"`
	Realm Realm     `json:"realm"`
	// Container is the host, repository, namespace or account it lies in.
	Container Ref `json:"container,omitzero"`
	// Path is the file, secret or variable name, slash-separated.
	Path string `json:"path"`
	// Field is the key, variable or JSON pointer inside Path.
	Field  string `json:"field,omitempty"`
	Line   int    `json:"line,omitempty"` // from 1
	Column int    `json:"column,omitempty"`
	Commit string `json:"commit,omitempty"`
}

// key identifies the place without its line, which moves when text above it
// changes, unless the line is all there is.
func (p Place) key() string {
	k := p.Path + "#" + p.Field
	if p.Field == "" && p.Line > 0 {
		k = p.Path + ":" + strconv.Itoa(p.Line)
	}
	if p.Commit != "" {
		k += "@" + p.Commit
	}
	if !p.Container.IsZero() {
		k = p.Container.Key + "/" + k
	}
	return k
}

// Exposure is who can read a place.
type Exposure string

// The exposures, from narrow to wide. The empty value means not known.
const (
	ExposureOwner  Exposure = "owner"  // the account that uses it only
	ExposureGroup  Exposure = "group"  // a group of accounts or a team
	ExposureWorld  Exposure = "world"  // everyone on the machine or in the organisation
	ExposurePublic Exposure = "public" // anyone
)

// Confidence is how sure a detector is that what it found is a credential.
type Confidence string

// The confidences, highest first.
const (
	ConfidenceCertain Confidence = "certain" // structure or checksum proves it
	ConfidenceHigh    Confidence = "high"    // a vendor's format
	ConfidenceMedium  Confidence = "medium"
	ConfidenceLow     Confidence = "low" // generic assignment with entropy
)

// Placement says that a credential is stored or read at a place.
type Placement struct {
	Credential Ref   `json:"credential"`
	Place      Place `json:"place"`
	// Consumer is the identity or resource that reads it there.
	Consumer   Ref        `json:"consumer,omitzero"`
	Exposure   Exposure   `json:"exposure,omitempty"`
	Confidence Confidence `json:"confidence,omitempty"`
	// Detector is the rule that found it.
	Detector string `json:"detector,omitempty"`
	// Reference is true where only the credential's name stands here, not its
	// value (a CI variable's reference, a secretKeyRef).
	Reference bool `json:"reference,omitempty"`
	// Historic is true where it is in a repository's history and no longer in
	// its head.
	Historic bool      `json:"historic,omitempty"`
	Author   string    `json:"author,omitempty"`
	At       time.Time `json:"at,omitzero"` // commit time or modification time
	Attrs    Attrs     `json:"attrs,omitempty"`
}

package aws

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue/connector"
)

// script writes a POSIX shell script that exports, with the AWS CLI, what a
// live scan reads. Each answer goes into a file of its own, in an envelope that
// says which account, region, operation and subject it belongs to and when it
// was made; a refusal is written down as well, so that reading the export knows
// what is missing.
func script(cfg connector.Config) (string, error) {
	if cfg.Target == "" {
		cfg.Target = "env"
	}
	s, err := parseSettings(cfg)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(scriptHead)
	if s.profile != "" {
		fmt.Fprintf(&b, "export AWS_PROFILE=%s\n", shellQuote(s.profile))
	}
	if s.endpoint != "" {
		// Not AWS_ENDPOINT_URL: version 1 of the CLI ignores it for SQS.
		fmt.Fprintf(&b, "aws() { command aws --endpoint-url %s \"$@\"; }\n", shellQuote(s.endpoint))
	}
	b.WriteString(scriptFunctions)
	b.WriteString("\nexport_account() {\n")
	g := generator{b: &b, settings: s}
	for _, o := range operations() {
		if o.each == "" && !o.regional && !o.organization && exported(o) {
			g.operation(o, nil, `""`, "  ")
		}
	}
	g.instances("  ")
	b.WriteString("  regions=" + regionsExpression(s) + "\n  for region in $regions; do\n    : \"$region\"\n")
	for _, o := range operations() {
		if o.each == "" && o.regional {
			g.operation(o, nil, `"$region"`, "    ")
		}
	}
	b.WriteString("  done\n}\n\n")
	if s.wants("organizations") {
		b.WriteString(scriptOrganization)
	}
	b.WriteString("\nwho || { echo 'retinue: the AWS CLI has no usable credentials' >&2; exit 1; }\nexport_account\n")
	if s.wants("organizations") {
		b.WriteString("export_organization\n")
	}
	if s.organization {
		fmt.Fprintf(&b, scriptMembers, shellQuote(s.role), shellQuote(s.externalID))
	}
	b.WriteString("echo \"retinue: exported to $out: retinue scan aws=$out\" >&2\n")
	return b.String(), nil
}

// exported leaves out what the script does in its own way or not at all: the
// plain listings of roles and groups hold less than the authorization details.
func exported(o operation) bool {
	switch o.name {
	case opIdentity, opRoles, opGroups:
		return false
	}
	return true
}

func regionsExpression(s settings) string {
	if len(s.regions) > 0 {
		quoted := make([]string, len(s.regions))
		for i, r := range s.regions {
			quoted[i] = strings.Map(func(c rune) rune {
				if c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') {
					return c
				}
				return -1
			}, r)
		}
		return shellQuote(strings.Join(quoted, " "))
	}
	return "$(items '' ec2 describe-regions 'Regions[].RegionName')"
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// generator writes the calls of the operations, one inside the other where one
// lists the subjects of the next.
type generator struct {
	b        *strings.Builder
	settings settings
}

// operation writes an operation and those that follow from it. vars are the
// shell variables that hold the items listed so far.
func (g generator) operation(o operation, vars []string, region, indent string) {
	if !g.settings.wants(o.service()) {
		return
	}
	args := o.args
	flags := strings.Fields(o.flag)
	used := vars
	if len(flags) < len(used) {
		used = used[len(used)-len(flags):]
	}
	var subject []string
	for i, f := range flags {
		args += fmt.Sprintf(` %s "$%s"`, f, used[i])
		subject = append(subject, "$"+used[i])
	}
	args = strings.TrimSpace(args)
	if o.name == opReport {
		fmt.Fprintf(g.b, "%smake_report\n", indent)
	}
	fmt.Fprintf(g.b, "%ssave %s %s %s \"%s\" %s\n", indent, region, o.service(), o.command(), strings.Join(subject, subjectSeparator), args)
	var children []operation
	for _, c := range operations() {
		if c.each == o.name && exported(c) {
			children = append(children, c)
		}
	}
	if len(children) == 0 {
		return
	}
	v := fmt.Sprintf("s%d", len(vars)+1)
	fmt.Fprintf(g.b, "%sitems %s %s %s %s %s | while IFS= read -r %s; do\n", indent, region, o.service(), o.command(), shellQuote(children[0].query), args, v)
	for _, c := range children {
		g.operation(c, append(vars[:len(vars):len(vars)], v), region, indent+"  ")
	}
	fmt.Fprintf(g.b, "%sdone\n", indent)
}

// instances writes the calls of IAM Identity Center.
func (g generator) instances(indent string) {
	g.operation(operationNamed(opSSOInstances), nil, `""`, indent)
}

const scriptHead = `#!/bin/sh
# Exports what Retinue reads of an AWS account, with the AWS CLI and read-only
# calls. No secret value is asked for. Note that the variables of functions and
# containers are part of what AWS prints and can hold secrets: keep the export
# as carefully as those.
#
#   sh export.sh [FOLDER]
set -u
umask 077
export AWS_PAGER=""
`

const scriptFunctions = `
out=${1:-retinue-aws-export}
mkdir -p "$out" || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
echo 0 >"$tmp/count"

# who finds out the account that the credentials belong to.
who() {
  account=$(aws sts get-caller-identity --query Account --output text 2>"$tmp/err") || { cat "$tmp/err" >&2; return 1; }
  dir=$out/$account
  mkdir -p "$dir"
}

# escaped writes a string for JSON.
escaped() { printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g'; }

# call runs the AWS CLI in a region, or where the CLI itself decides.
call() {
  call_region=$1
  shift
  if [ -n "$call_region" ]; then
    aws "$@" --region "$call_region"
  else
    aws "$@"
  fi
}

# save REGION SERVICE COMMAND SUBJECT [ARGUMENT …] writes one answer to a file.
save() {
  save_region=$1 save_service=$2 save_command=$3 save_subject=$4
  shift 4
  n=$(($(cat "$tmp/count") + 1))
  echo "$n" >"$tmp/count"
  file=$dir/$(printf '%06d' "$n")-$save_service-$save_command.json
  at=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  {
    printf '{"retinueExport":1,"account":"%s","region":"%s","service":"%s","operation":"%s","subject":"%s","at":"%s",' \
      "$account" "$save_region" "$save_service" "$save_command" "$(escaped "$save_subject")" "$at"
    if call "$save_region" "$save_service" "$save_command" --output json "$@" >"$tmp/answer" 2>"$tmp/err" </dev/null; then
      printf '"output":'
      if [ -s "$tmp/answer" ]; then cat "$tmp/answer"; else printf '{}'; fi
    else
      code=$(sed -n 's/.*An error occurred (\([A-Za-z0-9._]*\)).*/\1/p' "$tmp/err" | head -n 1)
      printf '"error":"%s"' "${code:-ClientError}"
      echo "retinue: $save_service $save_command $save_region: ${code:-$(head -n 1 "$tmp/err")}" >&2
    fi
    printf '}\n'
  } >"$file"
}

# items REGION SERVICE COMMAND QUERY [ARGUMENT …] prints what a listing names,
# one a line.
items() {
  items_region=$1 items_service=$2 items_command=$3 items_query=$4
  shift 4
  call "$items_region" "$items_service" "$items_command" --output text --query "$items_query" "$@" 2>/dev/null </dev/null |
    tr '\t' '\n' | grep -v -x -e None -e ''
}

# make_report has AWS make the credential report, which takes seconds.
make_report() {
  tries=0
  while [ "$tries" -lt 20 ]; do
    state=$(aws iam generate-credential-report --query State --output text 2>/dev/null) || return 0
    [ "$state" = COMPLETE ] && return 0
    tries=$((tries + 1))
    sleep 2
  done
}
`

const scriptOrganization = `# export_unit ID walks the tree of organisational units.
export_unit() {
  save '' organizations list-accounts-for-parent "$1" --parent-id "$1"
  save '' organizations list-organizational-units-for-parent "$1" --parent-id "$1"
  items '' organizations list-organizational-units-for-parent 'OrganizationalUnits[].Id' --parent-id "$1" |
    while IFS= read -r unit; do export_unit "$unit"; done
}

# export_organization is refused outside the management account and delegated
# administrators; then only the account itself is exported.
export_organization() {
  aws organizations list-accounts --query 'Accounts[0].Id' --output text >/dev/null 2>&1 || return 0
  save '' organizations describe-organization ''
  save '' organizations list-accounts ''
  save '' organizations list-roots ''
  items '' organizations list-roots 'Roots[].Id' | while IFS= read -r root; do export_unit "$root"; done
  for kind in SERVICE_CONTROL_POLICY RESOURCE_CONTROL_POLICY; do
    save '' organizations list-policies "$kind" --filter "$kind"
    items '' organizations list-policies 'Policies[].Id' --filter "$kind" | while IFS= read -r policy; do
      save '' organizations describe-policy "$policy" --policy-id "$policy"
      save '' organizations list-targets-for-policy "$policy" --policy-id "$policy"
    done
  done
}
`

const scriptMembers = `
# The other active accounts, each through its role.
role=%s
external_id=%s
self=$account
partition=$(aws sts get-caller-identity --query Arn --output text | cut -d: -f2)
items '' organizations list-accounts 'Accounts[?Status==` + "`ACTIVE`" + `].Id' | while IFS= read -r member; do
  [ "$member" = "$self" ] && continue
  set -- --role-arn "arn:$partition:iam::$member:role/$role" --role-session-name retinue-export
  [ -n "$external_id" ] && set -- "$@" --external-id "$external_id"
  session=$(aws sts assume-role "$@" --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text 2>"$tmp/err") || {
    echo "retinue: account $member: $(head -n 1 "$tmp/err")" >&2
    continue
  }
  (
    unset AWS_PROFILE
    AWS_ACCESS_KEY_ID=$(printf '%%s' "$session" | cut -f1)
    AWS_SECRET_ACCESS_KEY=$(printf '%%s' "$session" | cut -f2)
    AWS_SESSION_TOKEN=$(printf '%%s' "$session" | cut -f3)
    export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
    who && export_account
  ) </dev/null
done
`

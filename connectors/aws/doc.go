// Package aws reads AWS accounts and organisations: who can act in them (users,
// roles, groups, federated subjects), by which credentials, under which policy
// documents, which resources act as which role, and who is trusted from
// outside.
//
// # One way to read, two sources
//
// What is read is a table of operations of the AWS command line
// ([operations]). A source answers an operation with pages of JSON in the
// shape that the AWS CLI prints: the live source calls the API and encodes the
// answer, the file source finds the operation's output in an export. The code
// that turns pages into facts is the same for both, so an account read live and
// the same account read from an export give equal facts in equal scopes. The
// export script and the privileges to grant are written from the same table.
//
// # Realms and scopes
//
// An account is the realm "aws:<account id>", whichever partition it is in:
// account ids are unique and ARNs carry the partition. An organisation is the
// realm "aws:<o-…>". Policies that AWS manages are the same in every account
// and have the realm "aws:aws".
//
// A scope is what one listing covers: "iam/users", "iam-access-keys",
// "region/eu-west-1/lambda-functions". What needs a further call for each thing
// listed (a bucket's policy) has a scope of its own beside the listing, so that
// an export without it ends nothing.
package aws

// Package outbound makes the connections that the server opens to addresses
// which others named: systems configured through the API, receivers of
// notices, issuers of identities. It refuses addresses inside the
// installation's own network, so that nobody can use the server to reach what
// only the server can reach (server-side request forgery): loopback,
// link-local with the metadata service of clouds, private and shared ranges,
// unique local and multicast ones, and the forms that carry such an address
// inside an IPv6 one.
//
// The check is made on the address itself, after names were resolved and
// immediately before the connection is made, for every connection: a redirect
// is a new connection and is checked again, and a name that resolves to
// something else the second time (DNS rebinding) gains nothing, since what was
// checked is what is connected to. Proxies of the environment are not used: a
// proxy would resolve names where nothing checks them.
//
// Ranges come from the registries of special-purpose addresses
// (https://www.iana.org/assignments/iana-ipv4-special-registry,
// https://www.iana.org/assignments/iana-ipv6-special-registry).
package outbound

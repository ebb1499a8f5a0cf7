// Package peers holds no code: its tests set our engines beside the programs
// that others use for the same, on the same questions. It is a module of its
// own so that what those drag in stays out of the product's.
package peers

// Package testkit starts the real systems that tests run against and finds the
// sample data that they read. Only tests and the programs under cmd import it.
package testkit

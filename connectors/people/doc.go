// Package people reads persons, teams and applications from a CSV file: an
// export of a personnel system or a directory, or a list kept by hand. It is
// how owners are joined with people and how leavers become known.
//
// The first line names the columns. A line that is wrong is a problem at its
// place, FILE:LINE:COLUMN, which says what would be right; the other lines are
// kept, and the scope stays incomplete so that nobody is taken for a leaver by
// a slip of the pen. What a cell holds is never repeated in an error: it is
// personal data, and where columns have moved it may be anything.
//
// The realm is named by the person who configures the source and not by the
// file, so that last month's export and this month's speak of one directory.
package people

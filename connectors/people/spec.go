package people

import "github.com/retinue-id/retinue/connector"

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Kind:    "people",
		Title:   "People, teams and applications",
		Summary: "Persons, teams and applications from a CSV file, so that owners are joined with people and leavers are known.",
		Target: []connector.TargetForm{
			{Form: "FILE.csv", Help: "an export of a personnel system or a directory, or a list kept by hand"},
		},
		Options: []connector.Option{
			{Name: "directory", Help: "the name of the directory that the file lists; every export of one directory has the same", Default: defaultDirectory, Reach: connector.ReachSystem},
			{Name: "observed-at", Help: "when the export was made, such as 2026-03-31 or 2026-03-31T18:00:00Z", Default: "the file's modification time", Reach: connector.ReachSystem},
			{Name: "columns", Help: "the further columns to take as attributes", List: true, Default: "all, at most 32", Reach: connector.ReachSystem},
		},
		Examples: []connector.TargetForm{
			{Form: "people=people.csv", Help: "read a list of this folder"},
			{Form: "people=export.csv,directory=example.com,observed-at=2026-03-31", Help: "an export made on 31 March"},
			{Form: "people=export.csv,columns=cost center;location", Help: "with two further columns and no other"},
		},
		Privileges: []connector.Document{
			{Title: "Export no more than is needed", Language: "sql", Body: privileges},
		},
		Sees: []string{
			"Persons with name, e-mail address, state, teams and manager; teams with their members; applications with the team that owns them and their criticality.",
			"Leavers: persons whose state says so, and those whom a later export of the same directory lists no longer.",
			"Further columns as attributes, at most 32 of at most 1 KiB each.",
		},
		BlindSpots: []string{
			"Whoever the export leaves out: a file that was filtered, or cut off at the end of a line, looks like a whole one.",
			"What changed after the export was made.",
			"Columns whose name speaks of a secret (password, token, key of an API): they are left out.",
		},
		CouldRead: []string{
			"Everything in the file. Leave out what nobody needs to find an owner, such as salary, date of birth and home address, or name the columns to take with the option columns.",
		},
		Open: open,
	}
}

const privileges = `-- No account is needed to read a file. For a personnel system in a database,
-- a view shows what the file needs and a role sees that view only:
CREATE VIEW retinue_people AS
  SELECT 'person' AS type, employee_no AS id, full_name AS name, work_email AS email,
         CASE WHEN left_on <= current_date THEN 'left' ELSE 'active' END AS state,
         department AS teams, manager_no AS manager
  FROM employee;
CREATE ROLE retinue_people_reader LOGIN;
GRANT SELECT ON retinue_people TO retinue_people_reader;
-- psql --username retinue_people_reader --command "\copy (SELECT * FROM retinue_people) TO 'people.csv' WITH (FORMAT csv, HEADER)"
`

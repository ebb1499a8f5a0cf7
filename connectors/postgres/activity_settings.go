package postgres

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/retinue-id/retinue"
)

// settingsQuery writes the settings that say what the log holds. None of those
// that it selects holds a secret.
const settingsQuery = `select json_object_agg(name, setting) from (
  select name, setting from pg_settings where name ~ '^(log_|pgaudit[.])'
    or name in ('logging_collector', 'lc_messages', 'server_version_num')
  union all select 'system_identifier', system_identifier::text from pg_control_system()) s`

// maxSettings bounds a file of settings, in bytes.
const maxSettings = 1 << 20

// readSettings reads what settingsQuery wrote.
func readSettings(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError("open", path, err)
	}
	defer func() { _ = f.Close() }()
	var raw map[string]any
	if err := json.NewDecoder(io.LimitReader(f, maxSettings)).Decode(&raw); err != nil || len(raw) == 0 {
		return nil, fmt.Errorf("%w: read %s: want an object of settings", retinue.ErrInvalid, retinue.CleanName(path))
	}
	out := make(map[string]string, len(raw))
	for name, v := range raw {
		if s, ok := v.(string); ok {
			out[name] = s
		}
	}
	return out, nil
}

// settingsSpots says what a server's log cannot show by its settings. With nil
// nothing is known of them, and all is listed that settings may bring about.
func settingsSpots(settings map[string]string) []retinue.BlindSpot {
	unknown := settings == nil
	out := []retinue.BlindSpot{{
		Code: "postgres.set_role",
		Text: "What a role did after SET ROLE, or inside functions that run as their owner, stands under the role that signed in.",
	}, {
		Code:  "postgres.logging_by_session",
		Text:  "A superuser can switch logging off for its own session, and settings of a role or database can differ from the server's.",
		Raise: "Review rolconfig and pg_db_role_setting; send the log to a place that superusers do not write to.", Cost: "None.",
	}}
	if unknown {
		out = append(out, retinue.BlindSpot{
			Code:  "postgres.settings_unknown",
			Text:  "Whether the server logs connections and statements is not known.",
			Raise: "Give the server's settings with settings=.", Cost: "None.",
		})
	}
	if unknown || !logsConnections(settings["log_connections"]) || raisedAbove(settings["log_min_messages"]) {
		out = append(out, retinue.BlindSpot{
			Code:  "postgres.connections_off",
			Text:  "Connections are not logged: who signed in does not show.",
			Raise: "Set log_connections = on (and log_min_messages no higher than log).", Cost: "A few lines for each connection.",
		})
	}
	if unknown || !isOn(settings["log_disconnections"]) {
		out = append(out, retinue.BlindSpot{
			Code:  "postgres.open_sessions",
			Text:  "A connection that stays open, as those of a pool do, is not seen after its beginning.",
			Raise: "Set log_disconnections = on, or log statements.", Cost: "One line for each connection.",
		})
	}
	if s, ok := statementSpot(settings); ok {
		out = append(out, s)
	}
	if v := settings["lc_messages"]; v != "" && v != "C" && v != "POSIX" && !strings.HasPrefix(v, "en") && !strings.HasPrefix(v, "C.") {
		out = append(out, retinue.BlindSpot{
			Code:  "postgres.messages_translated",
			Text:  "The server's messages are translated, and only English ones are understood.",
			Raise: "Set lc_messages = 'C'.", Cost: "None.",
		})
	}
	return out
}

// prefixSpot is that of a log in the text format whose prefix leaves out the role.
func prefixSpot() retinue.BlindSpot {
	return retinue.BlindSpot{
		Code:  "postgres.prefix_without_role",
		Text:  "The prefix of the log's lines does not name the role: what a session does shows only where its beginning is in the same file, or in the one before of a file that is followed.",
		Raise: "Put %u into log_line_prefix, or have the server write csvlog or jsonlog.", Cost: "A few bytes a line.",
	}
}

// statementSpot says which privileges' use does not show, by log_statement and by
// the classes of pgaudit.
func statementSpot(settings map[string]string) (retinue.BlindSpot, bool) {
	read := []string{"SELECT", "EXECUTE", "USAGE"}
	write := []string{"INSERT", "UPDATE", "DELETE", "TRUNCATE"}
	shape := []string{"CREATE", "ALTER SYSTEM", "REFERENCES", "TRIGGER", "MAINTAIN"}
	classes := strings.ToLower(settings["pgaudit.log"])
	has := func(class string) bool {
		return strings.Contains(classes, class) || strings.Contains(classes, "all") && !strings.Contains(classes, "-"+class)
	}
	var hidden []string
	switch statement := settings["log_statement"]; {
	case statement == "all":
		return retinue.BlindSpot{}, false
	case statement == "mod":
		if !has("read") || !has("function") {
			hidden = read
		}
	default:
		if !has("read") || !has("function") {
			hidden = append(hidden, read...)
		}
		if !has("write") {
			hidden = append(hidden, write...)
		}
		if statement != "ddl" && !has("ddl") {
			hidden = append(hidden, shape...)
		}
	}
	return retinue.BlindSpot{
		Code: "postgres.statements_off", Actions: hidden,
		Text:  "Statements that use these privileges are not logged: " + strings.Join(hidden, ", ") + ".",
		Raise: "Load pgaudit and set pgaudit.log = 'read, write, function, role, ddl', or log_statement = 'all' without objects.",
		Cost:  "A line for each statement: often more than everything else the server logs.",
	}, len(hidden) > 0
}

func isOn(v string) bool { return v == "on" || v == "true" || v == "yes" || v == "1" }

// logsConnections understands the lists that log_connections takes since version
// 18.
func logsConnections(v string) bool {
	return isOn(v) || strings.Contains(v, "all") || strings.Contains(v, "authorization")
}

// raisedAbove reports a log_min_messages at which entries of severity LOG are
// dropped. (Manual, section "When to Log": only FATAL and PANIC rank higher.)
func raisedAbove(v string) bool {
	return strings.EqualFold(v, "fatal") || strings.EqualFold(v, "panic")
}

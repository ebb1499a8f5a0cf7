package host

import (
	"github.com/retinue-id/retinue"
)

// agentFile is a configuration file of an AI agent.
type agentFile struct {
	agent string // the agent's name
	path  string // relative to the home, or to a project
	read  func([]byte) (any, bool)
	// servers is where the tool servers stand in it; empty where it holds none.
	servers []string
	// secrets are the agent's own credentials in it.
	secrets fieldKinds
}

// agentFiles lists the files in a home, by the vendors' documents.
func agentFiles() []agentFile {
	mcp := []string{"mcpServers"}
	out := []agentFile{
		{"claude-desktop", ".config/Claude/claude_desktop_config.json", decodeJSONC, mcp, nil},
		{"claude-desktop", "Library/Application Support/Claude/claude_desktop_config.json", decodeJSONC, mcp, nil},
		{"claude-code", ".claude.json", decodeJSONC, mcp, fieldKinds{"primaryApiKey": retinue.CredentialAPIKey}},
		{"claude-code", ".claude/settings.json", decodeJSONC, mcp, nil},
		{"claude-code", ".claude/settings.local.json", decodeJSONC, mcp, nil},
		{"claude-code", ".claude/.credentials.json", decodeJSONC, nil,
			fieldKinds{"accessToken": retinue.CredentialSessionToken, "refreshToken": retinue.CredentialRefreshToken}},
		{"cursor", ".cursor/mcp.json", decodeJSONC, mcp, nil},
		{"windsurf", ".codeium/windsurf/mcp_config.json", decodeJSONC, mcp, nil},
		{"codex", ".codex/config.toml", decodeTOML, []string{"mcp_servers"}, nil},
		{"codex", ".codex/auth.json", decodeJSONC, nil, fieldKinds{"OPENAI_API_KEY": retinue.CredentialAPIKey,
			"access_token": retinue.CredentialSessionToken, "refresh_token": retinue.CredentialRefreshToken}},
		{"gemini", ".gemini/settings.json", decodeJSONC, mcp, nil},
		{"gemini", ".gemini/oauth_creds.json", decodeJSONC, nil, fieldKinds{"access_token": retinue.CredentialSessionToken,
			"refresh_token": retinue.CredentialRefreshToken}},
		{"zed", ".config/zed/settings.json", decodeJSONC, []string{"context_servers"}, nil},
		{"mcp", ".mcp.json", decodeJSONC, mcp, nil},
		{"amazon-q", ".aws/amazonq/mcp.json", decodeJSONC, mcp, nil},
		{"copilot-cli", ".copilot/mcp-config.json", decodeJSONC, mcp, nil},
		{"lm-studio", ".lmstudio/mcp.json", decodeJSONC, mcp, nil},
		{"kiro", ".kiro/settings/mcp.json", decodeJSONC, mcp, nil},
		{"opencode", ".config/opencode/opencode.json", decodeJSONC, []string{"mcp"}, nil},
		{"continue", ".continue/config.yaml", decodeYAML, mcp, fieldKinds{"apiKey": retinue.CredentialAPIKey}},
		{"goose", ".config/goose/config.yaml", decodeYAML, []string{"extensions"}, nil},
	}
	for _, base := range []string{".config/Code/User", ".config/Code - Insiders/User", ".config/VSCodium/User", "Library/Application Support/Code/User"} {
		out = append(out,
			agentFile{"vscode", base + "/mcp.json", decodeJSONC, []string{"servers"}, nil},
			agentFile{"vscode", base + "/settings.json", decodeJSONC, []string{"mcp", "servers"}, nil},
			agentFile{"cline", base + "/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json", decodeJSONC, mcp, nil})
	}
	return out
}

// projectAgentFiles lists the files in a project's folder.
func projectAgentFiles() []agentFile {
	mcp := []string{"mcpServers"}
	return []agentFile{
		{"mcp", ".mcp.json", decodeJSONC, mcp, nil},
		{"cursor", ".cursor/mcp.json", decodeJSONC, mcp, nil},
		{"vscode", ".vscode/mcp.json", decodeJSONC, []string{"servers"}, nil},
		{"vscode", ".vscode/settings.json", decodeJSONC, []string{"mcp", "servers"}, nil},
		{"claude-code", ".claude/settings.json", decodeJSONC, mcp, nil},
		{"claude-code", ".claude/settings.local.json", decodeJSONC, mcp, nil},
		{"gemini", ".gemini/settings.json", decodeJSONC, mcp, nil},
		{"codex", ".codex/config.toml", decodeTOML, []string{"mcp_servers"}, nil},
		{"zed", ".zed/settings.json", decodeJSONC, []string{"context_servers"}, nil},
	}
}

// systemAgentFiles lists the files that an administrator sets for every account.
func systemAgentFiles() []agentFile {
	mcp := []string{"mcpServers"}
	return []agentFile{
		{"claude-code", "etc/claude-code/managed-settings.json", decodeJSONC, mcp, nil},
		{"claude-code", "etc/claude-code/managed-mcp.json", decodeJSONC, mcp, nil},
		{"claude-code", "Library/Application Support/ClaudeCode/managed-settings.json", decodeJSONC, mcp, nil},
		{"gemini", "etc/gemini-cli/settings.json", decodeJSONC, mcp, nil},
		{"codex", "etc/codex/config.toml", decodeTOML, []string{"mcp_servers"}, nil},
	}
}

func decodeJSONC(data []byte) (any, bool) { return decodeJSON(stripComments(trimBOM(data))) }

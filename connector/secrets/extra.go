package secrets

// extraRules are Retinue's own rules beside gitleaks' pack, for what it leaves
// out.
func extraRules() ruleFile { return ruleFile{} }

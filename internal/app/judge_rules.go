package app

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/rules"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// loadRules compiles the built-in pack, the folders of the configuration and
// the label file, and returns an id of their content.
func loadRules(cfg Config) (*rules.Set, string, error) {
	p, err := rules.Starter()
	if err != nil {
		return nil, "", err
	}
	packs := []*rules.Pack{p}
	for _, dir := range cfg.Rules {
		p, err := rules.Load(os.DirFS(dir))
		if err != nil {
			return nil, "", fmt.Errorf("read rules in %s: %w", dir, err)
		}
		packs = append(packs, p)
	}
	merged, err := rules.Merge(packs...)
	if err != nil {
		return nil, "", err
	}
	var opt rules.Options
	if cfg.Labels != "" {
		f, err := os.Open(cfg.Labels)
		if err != nil {
			return nil, "", fmt.Errorf("%w: read labels: %v", retinue.ErrInvalid, err)
		}
		defer func() { _ = f.Close() }()
		if opt.CSV, err = rules.ReadLabels(cfg.Labels, f); err != nil {
			return nil, "", err
		}
	}
	set, err := rules.Compile(merged, opt)
	if err != nil {
		return nil, "", err
	}
	id, err := packID(set, opt.CSV)
	return set, id, err
}

// packID identifies what the rules decide: their cases are left out.
func packID(set *rules.Set, csv []rules.LabelRow) (string, error) {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, r := range set.Rules() {
		r.Cases = rules.Cases{}
		if err := enc.Encode(r); err != nil {
			return "", fmt.Errorf("identify rules: %w", err)
		}
	}
	for _, r := range set.LabelRules() {
		r.Cases = rules.LabelCases{}
		if err := enc.Encode(r); err != nil {
			return "", fmt.Errorf("identify rules: %w", err)
		}
	}
	if err := enc.Encode(csv); err != nil {
		return "", fmt.Errorf("identify rules: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)[:12]), nil
}

// recordRules keeps which rules are in force, on record when they changed.
func (a *App) recordRules(tx *sqlstore.Tx) error {
	have, err := tx.Meta(metaPack)
	if err != nil || have == a.packID {
		return err
	}
	tx.Record(Actor(), retinue.RecordRulesChanged, a.packID, map[string]any{"rules": len(a.set.Rules()), "before": have})
	return tx.SetMeta(metaPack, a.packID)
}

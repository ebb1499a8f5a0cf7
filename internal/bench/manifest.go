package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/retinue-id/retinue"
)

// ReadManifest reads manifest.json of a folder that Generate wrote, with the
// paths in it made to begin at the folder.
func ReadManifest(dir string) (Manifest, error) {
	var m Manifest
	data, err := os.ReadFile(filepath.Join(dir, "manifest.json")) //nolint:gosec // the folder is the caller's
	if err != nil {
		return m, fmt.Errorf("%w: read manifest: %v", retinue.ErrNotFound, err)
	}
	if err := json.Unmarshal(data, &m); err != nil || m.Format != Format {
		return m, fmt.Errorf("%w: read manifest: format %q: want %s", retinue.ErrInvalid, m.Format, Format)
	}
	for _, list := range [][]Source{m.Scans, m.Activity} {
		for i := range list {
			list[i].Target = filepath.Join(dir, filepath.FromSlash(list[i].Target))
			for _, name := range []string{optionSettings, optionPolicy} {
				if v := list[i].Options[name]; v != "" {
					list[i].Options[name] = filepath.Join(dir, filepath.FromSlash(v))
				}
			}
		}
	}
	return m, nil
}

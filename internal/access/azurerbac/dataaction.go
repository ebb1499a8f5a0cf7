package azurerbac

import "strings"

// dataPrefix says that an action is on data, where nothing else does.
const dataPrefix = "data:"

// data reports whether an action is one on data, and returns it without the
// prefix. Azure's operations do not tell by their names: the role definitions
// do, which list them under DataActions, and for the services that hold most
// data the names below.
func (x *Index) data(action string) (string, bool) {
	if plain, ok := strings.CutPrefix(action, dataPrefix); ok {
		return plain, true
	}
	a := canonical(action)
	if data, known := x.sides[a]; known {
		return action, data
	}
	return action, isDataAction(a)
}

// addSides learns from role definitions which actions are on data: those that
// they name without a wildcard.
func (x *Index) addSides() {
	x.sides = map[string]bool{}
	for _, d := range x.definitions {
		for i := range d.blocks {
			b := &d.blocks[i]
			for _, list := range [][]string{b.data, b.notData} {
				for _, a := range list {
					x.sides[a] = true
				}
			}
		}
	}
	for _, d := range x.definitions {
		for i := range d.blocks {
			b := &d.blocks[i]
			for _, list := range [][]string{b.actions, b.notActions} {
				for _, a := range list {
					x.sides[a] = false
				}
			}
		}
	}
}

// isDataAction knows the operations on data of storage accounts, key vaults and
// sign-in to machines ("Azure permissions for Storage", "… for Security",
// "… for Compute").
func isDataAction(action string) bool {
	for _, p := range []string{"microsoft.storage/storageaccounts/blobservices/containers/blobs/", "microsoft.storage/storageaccounts/queueservices/queues/messages/",
		"microsoft.storage/storageaccounts/tableservices/tables/entities/", "microsoft.storage/storageaccounts/fileservices/fileshares/files/",
		"microsoft.keyvault/vaults/certificates/", "microsoft.keyvault/vaults/certificatecas/"} {
		if strings.HasPrefix(action, p) {
			return true
		}
	}
	for _, p := range []string{"microsoft.keyvault/vaults/secrets/", "microsoft.keyvault/vaults/keys/"} {
		if rest, ok := strings.CutPrefix(action, p); ok {
			return rest == "delete" || strings.HasSuffix(rest, "/action")
		}
	}
	return action == "microsoft.compute/virtualmachines/login/action" || action == "microsoft.compute/virtualmachines/loginasadmin/action"
}

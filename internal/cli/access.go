package cli

import "github.com/spf13/cobra"

func (e *env) accessCommand() *cobra.Command {
	return group("access", "Access: what identities can do", e.accessCheckCommand(), e.accessCompareCommand(),
		e.accessRightSizeCommand(), e.accessEscalationsCommand(), e.accessAttackPathsCommand(), e.accessCanCommand(), e.accessWhoCanCommand(), e.accessBlastRadiusCommand(), e.accessCutsCommand(),
		e.accessChangesCommand())
}

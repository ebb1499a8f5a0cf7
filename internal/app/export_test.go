package app

import "context"

// Judge judges what was touched, as the job does.
func (a *App) Judge(ctx context.Context) error { return a.judge(ctx) }

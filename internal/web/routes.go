package web

import (
	"context"
	"net/http"

	"github.com/retinue-id/retinue/internal/web/api"
	"github.com/retinue-id/retinue/internal/web/ui"
)

// routes puts the server together, from the outside in.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle(api.Base+"/", s.cfg.API)
	for pattern, h := range s.cfg.Raw {
		mux.Handle(pattern, h)
	}
	files, built := ui.Files()
	mux.Handle("/", newConsole(files, built))

	var h http.Handler = mux
	h = compress(h)
	h = s.guard(h)
	h = s.observe(h)
	return s.identify(h)
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	if s.cfg.Ready != nil {
		if err := s.cfg.Ready(ctx); err != nil {
			s.cfg.Log.WarnContext(ctx, "not ready", "error", err)
			plain(w, http.StatusServiceUnavailable, "not ready; the log says why\n")
			return
		}
	}
	plain(w, http.StatusOK, "ready\n")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

package web

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// noncePlace stands in index.html where the nonce of an answer goes.
const noncePlace = "__CSP_NONCE__"

// console serves the files of the console. Every path that is none of them is
// a page of the console, whose router knows it.
type console struct {
	files map[string]*asset
	index []byte
}

// asset is a file with what is computed of it once.
type asset struct {
	plain, packed []byte
	kind, tag     string
	forever       bool // its name changes with its content
}

func newConsole(files fs.FS, built bool) http.Handler {
	c := &console{files: map[string]*asset{}}
	if !built {
		return http.HandlerFunc(notBuilt)
	}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(name, ".") && name != ".":
			return fs.SkipDir // what the build keeps for itself
		case d.IsDir(), strings.HasPrefix(path.Base(name), "."):
			return nil
		}
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if name == "index.html" {
			c.index = b
			return nil
		}
		c.files["/"+name] = newAsset(name, b)
		return nil
	})
	if err != nil { // the files are part of the program
		panic("web: read console: " + err.Error())
	}
	return c
}

func newAsset(name string, b []byte) *asset {
	sum := sha256.Sum256(b)
	a := &asset{plain: b, tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, kind: mime.TypeByExtension(path.Ext(name)),
		forever: strings.HasPrefix(name, "assets/")}
	if strings.HasSuffix(name, ".js") || strings.HasSuffix(name, ".mjs") {
		a.kind = "text/javascript; charset=utf-8"
	}
	if a.kind == "" {
		a.kind = "application/octet-stream"
	}
	var buf bytes.Buffer
	z, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	_, _ = z.Write(b)
	_ = z.Close()
	if buf.Len() < len(b)*9/10 {
		a.packed = buf.Bytes()
	}
	return a
}

func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		plain(w, http.StatusMethodNotAllowed, "only GET\n")
		return
	}
	if a := c.files[r.URL.Path]; a != nil {
		a.serve(w, r)
		return
	}
	if path.Ext(r.URL.Path) != "" && strings.HasPrefix(r.URL.Path, "/assets/") {
		plain(w, http.StatusNotFound, "there is no such file\n")
		return
	}
	c.page(w, r)
}

// page serves index.html with a nonce of its own.
func (c *console) page(w http.ResponseWriter, r *http.Request) {
	nonce := rand.Text()
	h := w.Header()
	h.Set("Content-Security-Policy", policy(nonce))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(bytes.ReplaceAll(c.index, []byte(noncePlace), []byte(nonce)))
	}
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("ETag", a.tag)
	h.Add("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	if a.forever {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if strings.Contains(r.Header.Get("If-None-Match"), a.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := a.plain
	if a.packed != nil && acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = a.packed
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(body)
	}
}

// notBuilt answers where the program was built without the console.
func notBuilt(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		plain(w, http.StatusNotFound, "there is no such page\n")
		return
	}
	plain(w, http.StatusOK, `This program was built without its console.

Build it with "make build", which needs Node.js, or take a released binary.
Everything that the console does is also in the command line, with --server,
and in the interface under /api/v1, which describes itself at
/api/v1/openapi.json.
`)
}

package httpapi

import (
	"net/http"
	"strings"

	"holt/httpapi/wire"
)

// UI is the web page: files that do not change.
type UI interface {
	// Serve answers a GET or HEAD of the file of this name below /ui/, "" being the page itself. False says that there is
	// none; then nothing was written.
	Serve(w http.ResponseWriter, r *http.Request, name string) bool
}

// home is where the page is. Its files are named relative to it, so that /ui without the slash has to lead there.
const home = "/ui/"

// getUI answers /ui/ and what is below.
func (a *API) getUI(x *exchange) error {
	if a.cfg.UI == nil {
		return refuse(wire.NotImplemented, "this server has no web page")
	}
	x.setOwnZxid()
	name, ok := strings.CutPrefix(x.path, "/")
	if !ok {
		return x.redirect(http.StatusPermanentRedirect, home)
	}
	if !a.cfg.UI.Serve(x, x.r, name) {
		return refuse(wire.NoRoute, "the web page has no file "+quoted(name)+"; it is at "+home)
	}
	return nil
}

// getRoot answers /, where people go who know a server's name only: a browser is shown the way to the page.
func (a *API) getRoot(x *exchange) error {
	if a.cfg.UI == nil || !strings.Contains(strings.Join(x.r.Header["Accept"], ","), "text/html") {
		return refuse(wire.NoRoute, "there is nothing at \"/\"; /openapi.yaml says what there is")
	}
	x.setOwnZxid()
	return x.redirect(http.StatusSeeOther, home)
}

// redirect answers with another place to go to.
func (x *exchange) redirect(status int, to string) error {
	h := x.Header()
	h["Location"] = []string{to}
	h["Cache-Control"] = noStore
	h["Content-Length"] = []string{"0"}
	x.WriteHeader(status)
	return nil
}

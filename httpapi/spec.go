package httpapi

import (
	_ "embed"
	"net/http"
)

// openAPI is a copy of the project's openapi.yaml, which go:embed cannot reach. A test holds the two equal.
//
//go:embed openapi.yaml
var openAPI []byte

// getOpenAPI answers /openapi.yaml.
func (a *API) getOpenAPI(x *exchange) error {
	x.setOwnZxid()
	return x.writeWhole(http.StatusOK, typeYAML, openAPI)
}

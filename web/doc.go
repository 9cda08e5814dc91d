// Package web is the page at /ui/: the tree of a cluster in a browser, and what can be done to it.
//
// It promises that the page needs nothing but the member that serves it: plain HTML, one style sheet and ES modules, as they are
// in the folder static, with no build step and nothing fetched from elsewhere; comments and white space alone are left out on the way. Every file
// comes with a policy under which a browser runs only these scripts, whatever the names and the data of znodes hold, and with a
// tag of its content, so that a newer program brings a newer page at once.
//
// It does not know the API behind it: the page talks to that by HTTP like everybody. Routes and errors are package httpapi's.
package web

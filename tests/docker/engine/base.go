package engine

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// certificates are where Debian and the Go images have them.
const certificates = "/etc/ssl/certs/ca-certificates.crt"

// programs are what the Dockerfile's build stage runs, besides go.
var programs = []string{"sh", "mkdir", "cp", "chmod", "find", "touch"}

// importBase makes the stand-in for the image that the Dockerfile builds upon.
func (e *Engine) importBase() error {
	name, err := e.baseName()
	if err != nil {
		return err
	}
	proxy, err := e.modules()
	if err != nil {
		return err
	}
	goroot, err := e.golang(nil, "env", "GOROOT")
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(writeBase(w, goroot, proxy)) }()
	cmd := exec.Command("docker", "import", "--change", "ENV PATH=/usr/local/go/bin:/usr/bin:/bin", "--change", "ENV GOPROXY=file:///proxy",
		"--change", "ENV GOSUMDB=off", "--change", "ENV GOPATH=/go", "--change", "ENV HOME=/root", "-", name)
	cmd.Env, cmd.Stdin = e.env, r
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("importing the stand-in for %s: %w\n%s", name, err, out)
	}
	return os.RemoveAll(proxy)
}

// baseName is the image of the Dockerfile's first stage.
func (e *Engine) baseName() (string, error) {
	b, err := os.ReadFile(filepath.Join(e.Root, "Dockerfile"))
	if err != nil {
		return "", err
	}
	version := regexp.MustCompile(`(?m)^ARG GO_VERSION=(\S+)$`).FindSubmatch(b)
	from := regexp.MustCompile(`(?m)^FROM (\S+) AS build$`).FindSubmatch(b)
	if version == nil || from == nil {
		return "", errors.New("the Dockerfile has no line FROM … AS build, or no ARG GO_VERSION before it")
	}
	return strings.ReplaceAll(string(from[1]), "${GO_VERSION}", string(version[1])), nil
}

// golang runs the go command in the repository.
func (e *Engine) golang(env []string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = e.Root, append(os.Environ(), env...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, said.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// modules gives a folder with the modules of go.mod as a module proxy has them, out of this machine's cache where they are there.
func (e *Engine) modules() (string, error) {
	cache, err := e.golang(nil, "env", "GOMODCACHE")
	if err != nil {
		return "", err
	}
	proxies, err := e.golang(nil, "env", "GOPROXY")
	if err != nil {
		return "", err
	}
	mine := filepath.Join(e.dir, "modules")
	_, err = e.golang([]string{"GOMODCACHE=" + mine, "GOFLAGS=-modcacherw", "GOPROXY=file://" + filepath.Join(cache, "cache/download") + "," + proxies},
		"mod", "download")
	return filepath.Join(mine, "cache/download"), err
}

// writeBase writes the stand-in's root as a tar archive.
func writeBase(w io.Writer, goroot, proxy string) error {
	a := archive{tar.NewWriter(w), map[string]bool{}}
	if err := a.link("lib", "usr/lib", "lib64", "usr/lib64", "bin", "usr/bin"); err != nil {
		return err
	}
	for _, name := range programs {
		if err := a.program(name); err != nil {
			return err
		}
	}
	if err := a.file(certificates, certificates); err != nil {
		return fmt.Errorf("%w (Debian's package ca-certificates has it)", err)
	}
	for _, part := range []string{"VERSION", "go.env", "bin", "lib", "pkg", "src"} {
		if err := a.tree(filepath.Join(goroot, part), "/usr/local/go/"+part); err != nil {
			return err
		}
	}
	if err := a.tree(proxy, "/proxy"); err != nil {
		return err
	}
	if err := a.w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}); err != nil {
		return err
	}
	return a.w.Close()
}

// archive is a tar archive that has each file once.
type archive struct {
	w    *tar.Writer
	seen map[string]bool
}

// link adds symbolic links, given as pairs of name and target.
func (a archive) link(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if err := a.w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: pairs[i], Linkname: pairs[i+1], Mode: 0o777}); err != nil {
			return err
		}
	}
	return nil
}

// program adds a program of this machine with the libraries it is linked with.
func (a archive) program(name string) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return err
	}
	out, err := exec.Command("ldd", path).Output()
	if err != nil {
		return fmt.Errorf("ldd %s: %w", path, err)
	}
	for _, word := range strings.Fields(string(out)) {
		if filepath.IsAbs(word) {
			if err := a.file(word, word); err != nil {
				return err
			}
		}
	}
	return a.file(path, "/bin/"+name)
}

// tree adds a folder, without what only Go's own tests need.
func (a archive) tree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && d.Name() == "testdata":
			return filepath.SkipDir
		case d.IsDir(), strings.HasSuffix(d.Name(), "_test.go"):
			return nil
		}
		return a.file(path, filepath.Join(to, rel))
	})
}

// file adds a file, following links. Of folders named bin, lib and lib64 at the root it is those below /usr.
func (a archive) file(from, to string) error {
	for _, top := range []string{"/bin/", "/lib/", "/lib64/"} {
		if strings.HasPrefix(to, top) {
			to = "/usr" + to
		}
	}
	if a.seen[to] {
		return nil
	}
	a.seen[to] = true
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(to, "/"), Mode: int64(info.Mode().Perm()), Size: info.Size()}
	if err := a.w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(a.w, f)
	return err
}

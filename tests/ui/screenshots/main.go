// Screenshots takes a picture of each view of the page, light and dark, from a cluster with content as people have it:
//
//	go run ./tests/ui/screenshots [folder [name ...]]
//
// The folder is .cache/screenshots if none is named; names, such as tree or tree-light, choose some of the pictures. A page that
// is not as a view should be ends it with a message.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"holt/tests/harness"
	"holt/tests/ui"
)

func main() {
	folder := ".cache/screenshots"
	var names []string
	if len(os.Args) > 1 {
		folder, names = os.Args[1], os.Args[2:]
	}
	s := &stage{}
	err := s.play(func() { take(s, folder, names) })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// shot is a picture: where it is taken, and what is done before.
type shot struct {
	name  string
	place string // behind /ui/
	act   func(*set, *ui.Page)
	size  ui.Size
	from  int  // the member that is asked
	empty bool // of a tree with nothing in it
	slow  bool // it takes time to look right: opened before all others, taken after them
}

// set is what is in the pictures.
type set struct {
	*stage
	cluster *harness.Cluster
	bare    *harness.Member
	scenery *scenery
}

func take(s *stage, folder string, names []string) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		s.Fatal(err)
	}
	bin, err := harness.Build()
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = bin.Close() }) // a folder of the system's temporary ones
	chromium, err := ui.Start()
	if err != nil {
		s.Fatal("no browser; tests/install installs one: ", err)
	}
	s.Cleanup(chromium.Close)

	it := &set{stage: s, cluster: bin.NewCluster(s, 3, nil), bare: bin.NewMember(s, "first").Start().Ready()}
	it.cluster.Members[2].Env["HOLT_UI_BANNER"] = "red:Production, Frankfurt"
	it.cluster.Start()
	ctx, cancel := context.WithCancel(context.Background())
	if it.scenery, err = build(ctx, it.cluster.Client(0)); err != nil {
		s.Fatal(err)
	}
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		it.scenery.work(ctx)
	}()
	s.Cleanup(func() { cancel(); <-worked })

	var last []func()
	for _, shot := range shots() {
		for _, scheme := range []string{"light", "dark"} {
			name := shot.name + "-" + scheme
			if len(names) > 0 && !slices.Contains(names, shot.name) && !slices.Contains(names, name) {
				continue
			}
			at := it.cluster.Members[shot.from].URL
			if shot.empty {
				at = it.bare.URL
			}
			p := chromium.Open(s, at+"/ui/"+shot.place, ui.Options{Dark: scheme == "dark", Size: shot.size})
			file := filepath.Join(folder, name+".png")
			picture := func() {
				if shot.act != nil {
					shot.act(it, p)
				}
				p.Picture(file)
				if err := shrink(file); err != nil {
					s.Fatal(err)
				}
				fmt.Println(file)
			}
			if shot.slow {
				last = append(last, picture)
			} else {
				picture()
			}
		}
	}
	for _, picture := range last {
		picture()
	}
}

# make test is what has to pass; .ci/run calls it.

PACKAGES = $(shell go list ./... | grep -v '^holt/tests')
FUZZTIME = 30s
SCREENSHOTS = .cache/screenshots
SOAK = 10m

.PHONY: build test test-long install format vet lint page unit blackbox docker scaling screenshots soak pictures bench fuzz generate fresh

build:
	go build -o holt ./cmd/holt

test: install format vet lint page unit blackbox

# 50 kills in place of a few, and a whole day in place of a quarter of an hour.
test-long: install
	HOLT_TEST_KILLS=50 go test -count=1 -timeout=60m ./tests/...
	HOLT_TEST_DAY=24h go test -count=1 -timeout=60m -run=TestADayInTheLifeOfACluster ./raftfsm

install:
	./tests/install

format:
	@test -z "$$(gofmt -l .)" || { echo "not formatted:"; gofmt -l .; exit 1; }

vet:
	go vet ./...

lint:
	.cache/bin/golangci-lint run ./...

# The page's modules: their types, and what in them can be tested without a browser.
page:
	tests/npm/node_modules/.bin/tsc -p web
	node --test --test-reporter=spec $(wildcard web/tests/*.test.js)

unit:
	go test -race -timeout=25m $(PACKAGES)

# The built program as processes, one story after another: they share the machine.
blackbox:
	go test -count=1 -p=1 -timeout=25m ./tests/...

# The container stories alone, which blackbox has, too: the Dockerfile and the compose file on an engine of their own. As root.
docker:
	go test -count=1 -v ./tests/docker

# How reads grow and writes fall with observers, each member with a quarter of a processor. As root, on a machine that does
# nothing else.
scaling:
	go run ./tests/docker/scaling

# Each view of the page, light and dark, into SCREENSHOTS.
screenshots:
	go run ./tests/ui/screenshots $(SCREENSHOTS)

# Ten minutes of work with restarts and kills, in which nothing a member takes may grow; or SOAK=1h.
soak:
	go run ./tests/soak -for $(SOAK)

# Those of them that the README shows.
pictures:
	go run ./tests/ui/screenshots web/pictures tree-light conflict-dark cluster-dark

bench:
	go test -run='^$$' -bench=. -benchmem $(PACKAGES)

# Every fuzz target for FUZZTIME.
fuzz:
	@for file in $$(grep -rl --include='*_test.go' '^func Fuzz' .); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$file); do \
			echo "$$target in $$(dirname $$file)"; \
			go test -run='^$$' -fuzz="^$$target$$" -fuzztime=$(FUZZTIME) $$(dirname $$file) || exit 1; \
		done; \
	done

# The copy of the contract that is built into the program.
generate:
	cp openapi.yaml httpapi/openapi.yaml

# What a newcomer gets: the last commit, cloned and tested.
fresh:
	rm -rf .cache/fresh
	git clone -q . .cache/fresh
	cd .cache/fresh && ./.ci/run

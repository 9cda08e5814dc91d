// Types shared by the modules of the page. Checked by tsc, never served.

interface Stat {
  version: number; cversion: number; aversion: number
  czxid: number; mzxid: number; pzxid: number
  ctime: number; mtime: number // ms since the Unix epoch
  ephemeral_owner: string
  data_length: number; num_children: number
}

type Mode = "persistent" | "persistent_sequential" | "ephemeral" | "ephemeral_sequential" | "container" |
  "persistent_with_ttl" | "persistent_sequential_with_ttl"

/** A znode as GET ?format=json, children with include=stat and lines of a tree give it. */
interface Znode { path: string; name?: string; stat: Stat; mode: Mode; ttl_ms: number; data?: string; encoding?: "utf8" | "base64" }

/** What the server said of itself: /ui/config.json. */
interface Config { member: string; version: string; banner: string; banner_colour: string; read_only: boolean }

interface Ask {
  query?: Record<string, string | number | boolean | undefined>
  headers?: Record<string, string>
  json?: unknown // the body, if there is one
  body?: BodyInit
  signal?: AbortSignal
  timeout?: number // ms; 15,000 if not told
}

interface Answer {
  status: number
  headers: Headers
  zxid: number
  etag: string // "" if there is none
  json(): Promise<any>
  text(): Promise<string>
  bytes(): Promise<Uint8Array<ArrayBuffer>>
}

/** Where the page is: the part of the URL after #. */
interface Place {
  section: "tree" | "sessions" | "watches" | "events" | "cluster"
  path: string // the znode of the section tree; the owner of sessions; else ""
  query: URLSearchParams
}

interface View {
  element: HTMLElement
  update(place: Place): void // the place changed within the section
  close(): void
}

interface Toast { close(): void }

interface Shell {
  main: HTMLElement // where the view stands
  tools: HTMLElement // of the header: where the state light stands
  curl(lines: string[]): void // the lines that do what the view does
  announce(text: string): void // to screen readers
  toast(text: string, options?: { kind?: "good" | "bad"; action?: { label: string; run(): void }; ms?: number }): Toast
  copy(text: string): void // to the clipboard, or says why not
  problem(err: unknown): void // a toast that says what went wrong and what to do
}

interface Settings {
  get(name: string, otherwise?: string): string
  set(name: string, value: string): void
}

interface App {
  config: Config
  api: import("./static/api.js").Api
  settings: Settings
  route: import("./static/route.js").Router
  shell: Shell
  live: import("./static/live.js").Live
  store: import("./static/store.js").Store
  selection: Selection_
  guards: Set<() => string> // each says what would be lost, or ""
  readOnly(): boolean
}

/** The znodes that are marked for doing something to all of them. */
interface Selection_ {
  list(): string[]
  has(path: string): boolean
  toggle(path: string): void
  clear(): void
  listen(fn: () => void): () => void
}

// Live.

interface ZnodeEvent { type: "NodeCreated" | "NodeDeleted" | "NodeDataChanged" | "NodeChildrenChanged"; path: string; cause?: string }
interface LiveState {
  name: "connecting" | "live" | "resuming" | "reset" | "no_leader" | "offline" | "signed_out"
  zxid: number
  leader: string
  partial: boolean // more is open than one stream follows
  heard: number // ms since the Unix epoch: when the server last said anything
}
type LiveMessage =
  | { kind: "events"; zxid: number; events: ZnodeEvent[] }
  | { kind: "reset"; zxid: number; reason: string }
  | { kind: "state"; state: LiveState }
/** A server-sent event; cut: its data was too long. */
interface Message { name: string; id: string; data: string; cut: boolean }
/** since: what happened up to there is known to who wishes; if not told, up to what the page has seen. */
interface Wish { paths: string[]; recursive?: boolean; since?: number }

// Store.

interface Row extends Znode {
  name: string
  zxid: number // the state it was read from
  flash: number // performance.now() when it was last seen to change, or 0
}
interface Sort { by: "name" | "created" | "modified" | "version" | "children" | "size" | "sequence"; descending: boolean }
interface Directory {
  path: string
  status: "loading" | "ready" | "gone" | "failed"
  problem: unknown
  count: number
  zxid: number
  stat: Stat | null
  sort: Sort
  rowAt(i: number): Row | undefined // asks for its page if it is not here
  indexOf(name: string): number // -1 while it is not known; asks for it
  loadedRows(): Iterable<Row>
}
/** What happened to a znode that is followed. */
interface ZnodeChange { type: "data" | "children" | "created" | "deleted" | "reset"; zxid: number }
type StoreChange = { kind: "rows" | "shape" | "status"; path: string; names?: string[] }

/** The global of worker.js, as far as it is used: the types of a document do not have it. */
interface SharedWorkerGlobalScope { onconnect: ((event: MessageEvent) => void) | null }

// Data.

interface Mistake { line: number; column: number; message: string; mild?: boolean } // line and column from 1; mild: it still has its form
type TextKind = "text" | "json" | "yaml" | "xml"
interface XmlToken { kind: string; start: number; end: number; name: string } // kinds: open close empty text comment instruction doctype
interface Change { a: number; aEnd: number; b: number; bEnd: number } // lines a..aEnd become lines b..bEnd of the other text
interface Hunk { kind: "same" | "mine" | "theirs" | "both" | "conflict"; base: string[]; mine: string[]; theirs: string[] }
interface TextForm { mistakes?(text: string): Mistake[]; checks?: string; format?(text: string): string }
type Bytes = Uint8Array<ArrayBuffer>
/** What was read of a znode; bytes are null while they were not asked for. */
interface Reading { znode: Znode; bytes: Bytes | null; tag: string; zxid: number }
/** What is edited: bytes and text are unpacked, and there is no text in binary data. */
interface Draft { bytes: Bytes; packed: boolean; text?: string }
/** The three versions of a text, and what is done with what is chosen. */
interface Conflict { base: string; mine: string; theirs: string; about: string
  whole: boolean // one of them is taken whole: bytes, shown in hexadecimal
  merge(text: string): void; take(): void
  closed(): void
}
/** A hunk as it is shown: its sides with sign, lines and the index of the first; equal lines are folded. */
interface Shown { same: boolean; head?: any; sides: { sign: string; lines: string[]; at: number }[] }
type Side = "mine" | "theirs" | "both"
interface Detected { kind: TextKind | "binary" | "gzip" | "empty"; text?: string } // text where the bytes are one

// Doing.

/** A line of /v1/tree{path}. */
interface TreeLine { path: string; mode: Mode; ttl_ms: number; created: number; stat?: Stat; data: string; encoding: "utf8" | "base64" }
/** What an import does to a znode. "conflict": another one is there, and stays. */
type Fate = "new" | "changed" | "same" | "conflict" | "skipped"
interface Foretold { path: string; kind: Fate; why: string }
/** What an import did so far. */
interface Loaded { made: number; changed: number; same: number; kept: number; skipped: number; [more: string]: number }
/** What is to be deleted, and how much is below. */
interface Doomed { path: string; stat: Stat; below: number; bytes: number }
/** What was deleted. */
interface Copy { trees: TreeLine[][]; zxid: number; at: number; offer?: { close(): void } }
interface Preset { name?: string; mode?: Mode; data?: string }
type OnPath = (app: App, path: string) => void
type OnPaths = (app: App, paths: string[]) => void
type PathToPath = (path: string) => string

/** subtree.js */
interface Subtree {
  refusal(text: string): import("./static/problems.js").Problem
  amount(app: App, path: string, signal?: AbortSignal): Promise<{ znodes: number; bytes: number }>
  readTree(app: App, path: string, most?: { znodes?: number; bytes?: number; signal?: AbortSignal }): Promise<{ lines: TreeLine[]; zxid: number }>
  ndjson(lines: TreeLine[]): Blob
  bytesIn(lines: TreeLine[]): number
  topmost(paths: string[]): string[]
  mover(from: string, to: string): PathToPath
  parseLines(text: string): { trees: TreeLine[][]; mistakes: { line: number; text: string }[] }
  mistakeIn(line: any, above: string[]): string
  compare(lines: TreeLine[], move: PathToPath, there: TreeLine[], replace: boolean): Foretold[]
  creates(lines: TreeLine[], move: PathToPath): { op: string; path: string; mode: Mode; data: string; encoding: string; ttl_ms?: number }[]
  parted(lines: TreeLine[], owner: string): { kept: TreeLine[]; lost: TreeLine[] } // owner is "" if there is no session
  keepNumbers(app: App, lines: TreeLine[], to: string): Promise<void> // to: where the first is now
  transaction(lines: TreeLine[], from: string, to: string, moves: boolean, parents: boolean): { ops: any[] }
  common(paths: string[]): string
}

// Seeing.

interface Session { owner: string; timeout_ms: number; expires_in_ms: number | null; opened: number }
interface WholeSession extends Session { ephemerals: string[]; watches: { path: string; mode: string }[] }
interface Watch { owner: string; path: string; mode: string }
/** An element that shows what is read; lost may give other words for what went wrong. */
type Poll = (ms: number, read: () => Promise<any>, show: (got: any, body: HTMLElement) => void, lost?: (err: any, body: HTMLElement) => any) =>
  { element: HTMLElement; now(): void }
/** renew is for elements that are there already. */
type Keep = <T>(parent: Element, list: T[], key: (item: T) => string, make: (item: T) => HTMLElement, renew?: (element: HTMLElement, item: T) => void) => void
/** What a list of the server is shown with. */
interface Listed {
  label: string
  noun: [one: string, more: string]
  columns: string[]
  url(): string // of the page that is shown
  rows(body: any): any[] // in an answer
  key(row: any): string
  make(row: any): HTMLElement
  renew?(element: HTMLElement, row: any): void // a row that is shown already
  link(after?: string): string // to the page behind a row, and to the first
  after(): string | undefined // the row the page is behind; of the first none
  stale?(body: HTMLElement): void // what it shows may not be so any more
}
interface Member {
  id: string; raft_addr: string; url: string; voter: boolean; observer: boolean; leader: boolean; reachable: boolean; ready: boolean
  zxid: number; lag: number; snapshot_zxid: number; snapshot_time: number; disk_free_bytes: number; disk_full: boolean; version: string; uptime_ms: number
}
interface Cluster { name: string; leader: string; term: number; zxid: number; members: Member[] }
interface Sample { name: string; labels: Record<string, string>; value: number }
/** What samples of a name, or those of them that count, come to. */
type OfSamples = (samples: Sample[], name: string, counts?: (labels: Sample["labels"]) => boolean) => number
/** A line of the log of events; n grows, and a note is no event. */
interface EventLine { n: number; seen: number; zxid: number; type?: string; path?: string; cause?: string; note?: string }

// What is read again and again while it is looked at, and lists that are kept up to date by it.

/**
 * poll reads now and then again, ms after each reading, while the page is seen. now() drops a reading that is under way for
 * a new one; stop() ends it.
 * @template T
 * @param {number} ms
 * @param {(signal: AbortSignal) => Promise<T>} read
 * @param {(got: T) => void} show
 * @param {(err: unknown) => void} fail of read and of show
 * @param {Element} [element] once it is not in the page, nothing more is read
 */
export function poll(ms, read, show, fail, element) {
  const closed = new AbortController()
  let abort = new AbortController()
  let timer = 0
  let due = false // whether a reading was left out because nobody looked
  async function now() {
    abort.abort()
    if (closed.signal.aborted) return
    const mine = (abort = new AbortController())
    clearTimeout(timer)
    due = false
    try {
      const got = await read(mine.signal)
      if (!mine.signal.aborted) show(got)
    } catch (err) {
      if (!mine.signal.aborted) fail(err)
    }
    if (!mine.signal.aborted) timer = setTimeout(() => { if (document.hidden) due = true; else again() }, ms)
  }
  function again() {
    if (element && !element.isConnected) stop()
    else now()
  }
  function stop() {
    closed.abort()
    abort.abort()
    clearTimeout(timer)
  }
  document.addEventListener("visibilitychange", () => { if (due && !document.hidden) again() }, { signal: closed.signal })
  now()
  return { now, stop }
}

/**
 * keep makes the children of an element those of a list. What has a key of before stays the same element, where it is, so
 * that focus and clicks meet it.
 * @template T
 * @param {Element} parent
 * @param {T[]} list
 * @param {(item: T) => string} key
 * @param {(item: T) => HTMLElement} make
 * @param {(element: HTMLElement, item: T) => void} [renew] for those of before
 */
export function keep(parent, list, key, make, renew) {
  const keys = new Set(list.map(key))
  const before = new Map()
  for (const e of /** @type {HTMLElement[]} */ ([...parent.children])) {
    if (e.dataset.key !== undefined && keys.has(e.dataset.key)) before.set(e.dataset.key, e)
    else e.remove()
  }
  let next = parent.firstElementChild
  for (const item of list) {
    const k = key(item)
    let e = before.get(k)
    if (e) renew?.(e, item)
    else {
      e = make(item)
      e.dataset.key = k
    }
    if (next && e === next) next = next.nextElementSibling
    else parent.insertBefore(e, next)
  }
}

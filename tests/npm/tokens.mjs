// Says whether two modules are the same to a browser: node tokens.mjs WRITTEN SERVED compares them token by token, with what stands
// in strings and templates, and with whether a line ends between two, which counts in JavaScript.
import { readFileSync } from "node:fs"
import { parse } from "acorn"

const [written, served] = process.argv.slice(2).map((name) => {
  const tokens = []
  parse(readFileSync(name, "utf8"), { ecmaVersion: "latest", sourceType: "module", locations: true, onToken: tokens })
  return tokens.map((t, i) => {
    const value = t.value instanceof Object ? JSON.stringify([t.value.pattern, t.value.flags]) : String(t.value)
    return `${i > 0 && tokens[i - 1].loc.end.line === t.loc.start.line ? "" : "\n"}${t.type.label} ${value}`
  })
})
for (let i = 0; i < Math.max(written.length, served.length); i++) {
  if (written[i] !== served[i]) {
    console.error(`token ${i} is ${JSON.stringify(written[i])} as written, ${JSON.stringify(served[i])} as served`)
    process.exit(1)
  }
}
if (written.length === 0) {
  console.error("there are no tokens")
  process.exit(1)
}
console.log(`${written.length} tokens`)

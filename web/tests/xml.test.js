import assert from "node:assert/strict"
import { test } from "node:test"
import { xmlFormat, xmlTokens } from "../static/xml.js"

/** @param {string} text */
const problems = (text) => xmlTokens(text).problems

test("what is well-formed has no problems", () => {
  for (const text of ["<a/>", "<?xml version='1.0'?>\n<a b='1' c=\"2>3\">x<!-- y - --><![CDATA[<z>&]]></a>\n", "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;&amp;&#65;&#x41;</a>",
    "<ns:é.1-2 xmlns:ns='u'></ns:é.1-2 >", "\ufeff<a>\n</a>", "<a><?pi x?></a><!-- after b='1' b='1' -->", "<a b=' c=\"1\" c=\"1\"'/>"]) assert.deepEqual(problems(text), [], text)
})

test("errors are found, with line and column", () => {
  for (const [text, line, column, says] of /** @type {[string, number, number, RegExp][]} */ ([
    ["<a>\n<b></a>", 2, 4, /<\/a> closes <b> of line 2/], ["<a>", 1, 1, /not closed/], ["</a>", 1, 1, /closes nothing/], ["<a/><b/>", 1, 5, /second/],
    ["<a b=1/>", 1, 1, /no tag/], ["<a b='1' b='2'/>", 1, 1, /twice/], ["<a b='<'/>", 1, 1, /&lt;/], ["<a>&x;</a>", 1, 4, /&x;/], ["<a>x & y</a>", 1, 6, /&amp;/],
    ["<a>1 < 2</a>", 1, 6, /no tag/], ["<a><!-- -- --></a>", 1, 4, /--/], ["<a><!-- </a>", 1, 4, /does not end/], ["x<a/>", 1, 1, /within/], ["<a/>x", 1, 5, /within/],
    ["", 1, 1, /no element/], ["<a b='1'c='2'/>", 1, 1, /attributes/], ["\n\n<?xml version='1.0'?><a/>", 3, 1, /beginning/], ["<a><![CDATA[x</a>", 1, 4, /does not end/]])) {
    const [p] = problems(text)
    assert.ok(p, text)
    assert.deepEqual([p.line, p.column], [line, column], text + JSON.stringify(p))
    assert.match(p.message, says)
  }
})

test("formatting indents elements and leaves text as it is", () => {
  assert.equal(xmlFormat("<?xml version='1.0'?><a><b x='1'><c/></b> <d>one <e>two</e> three</d><f></f><!-- g --></a>"),
    "<?xml version='1.0'?>\n<a>\n  <b x='1'>\n    <c/>\n  </b>\n  <d>one <e>two</e> three</d>\n  <f></f>\n  <!-- g -->\n</a>\n")
  assert.equal(xmlFormat("<a xml:space='preserve'> <b/> </a>"), "<a xml:space='preserve'> <b/> </a>\n")
  const once = xmlFormat("<a>\n\n<b>\n<c>t</c></b></a>")
  assert.equal(xmlFormat(once), once)
})

test("a large text is taken apart at once", () => {
  const text = "<r>" + "<i a='1'>x</i>".repeat(70000) + "</r>"
  assert.equal(problems(text).length, 0)
  assert.ok(xmlFormat(text).length > text.length)
})

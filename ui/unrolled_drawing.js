/* What the three levels of the unrolled network are drawn with: keyed SVG elements, formulas, numbers, colors. */

/* A drawing whose elements have names: an element that is put again keeps its node, one that is not put is removed. */
function drawing(svg) {
  const nodes = new Map()
  let used = new Set()
  return {
    begin() {
      used = new Set()
    },
    put(key, tag, attributes, parent = svg) {
      used.add(key)
      let node = nodes.get(key)
      if (!node || node.parentNode !== parent) {
        node?.remove()
        node = shape(tag)
        node.known = {}
        if (tag === "text") node.setAttribute("text-anchor", "middle")
        nodes.set(key, node)
        parent.append(node)
      }
      for (const [name, value] of Object.entries(attributes)) {
        if (node.known[name] === value) continue
        node.known[name] = value
        if (name === "text") node.textContent = value
        else if (name === "math") mathText(node, value)
        else if (name === "label") setLabel(node, value)
        else if (value === null || value === undefined) node.removeAttribute(name)
        else node.setAttribute(name, value)
        // a text that changes has lost the title in it
        if ((name === "text" || name === "math") && node.known.label) setLabel(node, node.known.label)
      }
      return node
    },
    end() {
      for (const [key, node] of nodes) {
        if (used.has(key)) continue
        node.remove()
        nodes.delete(key)
      }
    },
  }
}

/* The text alternative of an element: for a pointer as a tooltip, and for a screen reader. */
function setLabel(node, text) {
  node.setAttribute("aria-label", text)
  let title = node.querySelector(":scope > title")
  if (!title) {
    title = shape("title")
    node.prepend(title)
  }
  title.textContent = text
}

const SYMBOL = /(\\?[\p{L}]+[′'~]*)(?:_(\{[^}]*\}|[\p{L}\d]))?(?:\^(\{[^}]*\}|[\p{L}\d]))?|([^\p{L}]+?)(?=\p{L}|$)/gu

/* A formula such as "f_t = σ(W_f x_t + U_f h_{t-1})" as pieces: [text, "letter" | "word" | "sub" | "sup"]. */
function mathPieces(formula) {
  const pieces = []
  for (const [, symbol, below, above, rest] of formula.matchAll(SYMBOL)) {
    if (rest !== undefined) {
      pieces.push([rest, "word"])
      continue
    }
    pieces.push([symbol, [...symbol.replace(/[′'~]/g, "")].length === 1 ? "letter" : "word"])
    if (below) pieces.push(...small(below, "sub"))
    if (above) pieces.push(...small(above, "sup"))
  }
  return pieces
}

/* A subscript or superscript in pieces: letters are italic, digits and signs are not. */
function small(text, kind) {
  const inner = text.replace(/[{}]/g, "").replace(/-/g, "−")
  return [...inner.matchAll(/\p{L}+|\P{L}+/gu)].map(([part]) => [part, `${kind} ${/^\p{L}$/u.test(part) ? "letter" : "word"}`])
}

/* A formula as plain text, for text alternatives. */
function mathPlain(formula) {
  return formula.replace(/\{([^}]{2,})\}/g, "($1)").replace(/[{}]/g, "")
}

function mathText(node, formula) {
  node.textContent = ""
  node.setAttribute("xml:space", "preserve")
  let shift = 0
  for (const [text, kind] of mathPieces(formula)) {
    const span = shape("tspan")
    span.setAttribute("class", kind.split(" ").map((word) => `math-${word}`).join(" "))
    const wanted = kind.startsWith("sub") ? 0.3 : kind.startsWith("sup") ? -0.45 : 0
    if (wanted !== shift) {
      // "em" is that of the piece: subscripts are smaller, so that the way back is longer
      const size = /^su[bp]/.test(kind) ? 0.72 : 1
      span.setAttribute("dy", `${((wanted - shift) / size).toFixed(3)}em`)
      shift = wanted
    }
    span.textContent = text
    node.append(span)
  }
}

/* A number in few characters for the picture. */
function short(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–"
  const size = Math.abs(value)
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞"
  let text
  if (size !== 0 && size < 0.0005) text = powerOfTen(value, 0)
  else if (size !== 0 && size < 0.01) text = value.toFixed(3)
  else if (size < 10) text = value.toFixed(2)
  else if (size < 100) text = value.toFixed(1)
  else if (size < 100000) text = value.toFixed(0)
  else text = powerOfTen(value, 0)
  return text.replace("-", "−")
}

/* A number in full: what equations and text alternatives say. */
function full(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "not known"
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞"
  const size = Math.abs(value)
  const text = size !== 0 && (size < 1e-4 || size >= 1e6) ? powerOfTen(value, 3) : Number(value.toPrecision(6)).toFixed(size >= 100 ? 2 : 5)
  return text.replace("-", "−")
}

function powerOfTen(value, digits) {
  const [mantissa, exponent] = value.toExponential(digits).split("e")
  return `${mantissa}e${Number(exponent) < 0 ? "−" : ""}${Math.abs(Number(exponent))}`
}

/* The color of a number between -limit and limit: vermilion below zero, blue above, the page's own at zero. */
function valueColor(value, limit) {
  if (value === null || value === undefined || Number.isNaN(value)) return "fill: var(--st-secondary-background-color)"
  const share = Math.round(100 * Math.min(1, Math.abs(value) / (limit || 1)))
  return `fill: color-mix(in srgb, var(--sl-${value < 0 ? "negative" : "positive"}) ${share}%, var(--sl-paper))`
}

/* The color of a magnitude from 0 to 1: the page's own to orange. */
function amountColor(share) {
  return `fill: color-mix(in srgb, var(--sl-gradient) ${Math.round(100 * share)}%, var(--sl-paper))`
}

/* Where text of a color stays readable on `valueColor`. */
function onColor(value, limit) {
  return Math.abs(value ?? 0) / (limit || 1) > 0.55 ? "on-strong" : ""
}

/* Base64 of little-endian float32 numbers. */
function numbers(text) {
  return new Float32Array(bytesOf(text).buffer)
}

/* A text that is cut to `most` characters; the whole of it is in the text alternative. */
function cut(text, most) {
  const letters = [...text]
  return letters.length <= most ? text : `${letters.slice(0, Math.max(1, most - 1)).join("")}…`
}

/* The label of a step that is cut at its beginning, since neighbors differ at their ends: "1258" of "row 1258". */
function cutBefore(text, most) {
  const letters = [...text]
  if (letters.length <= most) return text
  const last = text.split(" ").at(-1)
  return text.startsWith("row ") || text.startsWith("step ") ? last : `…${letters.slice(1 - most).join("")}`
}

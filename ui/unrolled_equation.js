/* The third level: the equation of one gate or state, with shapes, and its numbers for one unit. */

const CURVES = {
  σ: (v) => 1 / (1 + Math.exp(-v)),
  sigmoid: (v) => 1 / (1 + Math.exp(-v)),
  tanh: Math.tanh,
  relu: (v) => Math.max(0, v),
  ReLU: (v) => Math.max(0, v),
  exp: Math.exp,
  g: (v) => (v >= 0 ? v + 0.5 : 1 / (1 + Math.exp(-v))),
}

function drawEquation(view, width) {
  const { scene, data, focus } = view
  const equation = data.cell?.equations.find(({ name }) => name === focus.name)
  if (!equation) return refusal(view, width, data.cellRefusal || (data.cell ? "The cell of this layer has no such equation." : "Computing the numbers of this cell"))
  const narrow = width < NARROW_SCREEN
  const fresh = view.cellIsFresh()
  const value = view.nodeValue(equation)
  const group = scene.put("equation", "g", {})
  const all = view.unitCount(equation.name) || equation.size
  const heading = `${equation.title}: ${view.layerAt(focus.step, focus.layer).title}, ${view.stepTitle(focus.step)}, unit ${focus.unit + 1}${all ? ` of ${all}` : ""}`
  let y = 20
  for (const line of wrapText(heading, Math.floor((width - 8) / 7.6))) {
    scene.put(`eq heading ${y}`, "text", { class: "un-title", x: 4, y, "text-anchor": "start", text: line }, group)
    y += 20
  }
  y += 26
  for (const line of wrapFormula(equation.formula, Math.floor((width - 8) / (narrow ? 9.5 : 12.5)))) {
    scene.put(`eq formula ${y}`, "text", { class: "un-formula un-display", x: narrow ? 4 : 12, y, "text-anchor": "start", math: line, label: mathPlain(equation.formula) }, group)
    y += narrow ? 30 : 38
  }
  y = termRows(view, equation, fresh, { narrow, width, y: y + 4 }, group)
  return activationPicture(view, equation, fresh, value, { narrow, width, y }, group)
}

/* One row for each summand: its symbols, the shapes of what it is made of, a bar, and its number. */
function termRows(view, equation, fresh, { narrow, width, y }, parent) {
  const { scene, data, focus } = view
  const rows = equation.terms.map((term) => ({ ...term, value: fresh ? term.value : null }))
  const total = fresh ? equation.total : null
  const known = rows.map((row) => row.value).filter((v) => Number.isFinite(v))
  let sum = 0
  const reach = known.flatMap((v) => [sum, (sum += v)])
  const [low, high] = [Math.min(0, ...reach), Math.max(0, ...reach)]
  const number = { x: width - 6, anchor: "end" }
  const [barLeft, barRight] = narrow ? [22, width - 96] : [Math.min(430, width * 0.46), width - 110]
  const scale = (v) => barLeft + ((v - low) / (high - low || 1)) * (barRight - barLeft)
  const rise = narrow ? 58 : 40
  const bottom = y + rise * rows.length
  for (let i = 0; i <= rows.length; i++) {
    // on a narrow screen the symbols stand between the bars, where no line may cross them
    const from = y + rise * i + (narrow ? 20 : -4)
    scene.put(`eq zero ${i}`, "line", { class: "un-zero", x1: scale(0), x2: scale(0), y1: from, y2: from + (narrow ? 24 : rise) }, parent)
  }
  sum = 0
  rows.forEach((term, i) => {
    const top = y + rise * i
    const shapes = term.factors.filter((factor) => factor.shape).map((factor) => `${factor.symbol}: ${factor.shape}${fresh ? factorNumbers(data, factor) : ""}`)
    const words = `${i ? "plus " : ""}${mathPlain(term.text)}${shapes.length ? ` (${mathPlain(shapes.join("; "))})` : ""}: ${full(term.value)}`
    const row = scene.put(`term ${i}`, "g", { class: "un-term", role: "img", label: words }, parent)
    scene.put(`term ${i} sign`, "text", { class: "un-formula", x: narrow ? 10 : 18, y: top + 14, text: i ? "+" : "" }, row)
    scene.put(`term ${i} symbol`, "text", { class: "un-formula", x: narrow ? 24 : 34, y: top + 14, "text-anchor": "start", math: term.text }, row)
    scene.put(`term ${i} shape`, "text", { class: "un-small", x: narrow ? 130 : 150, y: top + 14, "text-anchor": "start", math: cut(shapes.join("  "), Math.floor(((narrow ? width - 134 : barLeft - 160)) / 5.6)) }, row)
    const level = narrow ? top + 24 : top + 3
    if (Number.isFinite(term.value)) {
      const [from, to] = [scale(sum), scale(sum + term.value)]
      scene.put(`term ${i} bar`, "rect", { class: term.value < 0 ? "un-bar un-minus" : "un-bar", x: Math.min(from, to).toFixed(1), y: level, width: Math.max(1, Math.abs(to - from)).toFixed(1), height: 16, rx: 2 }, row)
      sum += term.value
      const next = narrow ? level + 22 : top + rise + 3
      scene.put(`term ${i} link`, "line", { class: "un-link", x1: to, x2: to, y1: level + 16, y2: next }, row)
    }
    scene.put(`term ${i} value`, "text", { class: "un-value", x: number.x, y: level + 13, "text-anchor": number.anchor, text: fresh ? full(term.value) : "…" }, row)
  })
  const level = narrow ? bottom + 24 : bottom + 3
  const label = equation.activation ? "Sum" : `Sum = value of unit ${focus.unit + 1}`
  const row = scene.put("term total", "g", { class: "un-term", role: "img", label: `${label}: ${full(total)}` }, parent)
  scene.put("term total title", "text", { class: "un-body", x: narrow ? 24 : 34, y: bottom + 15, "text-anchor": "start", text: label }, row)
  if (Number.isFinite(total) && Math.abs(total - sum) < 1e-3 * (1 + Math.abs(total))) scene.put("term total bar", "rect", { class: "un-bar un-sum", x: Math.min(scale(0), scale(total)).toFixed(1), y: level, width: Math.max(1, Math.abs(scale(total) - scale(0))).toFixed(1), height: 16, rx: 2 }, row)
  scene.put("term total value", "text", { class: "un-value", "data-part": "total", x: number.x, y: level + 13, "text-anchor": number.anchor, text: fresh ? full(total) : "…" }, row)
  return bottom + (narrow ? 60 : 48)
}

/* The number of a factor for the unit; of the input of a matrix product all of its few numbers, as the model reads them. */
function factorNumbers(data, factor) {
  if (Number.isFinite(factor.value)) return `, here ${short(factor.value)}`
  const source = factor.name === "x" ? data.cell.sources.find(({ name }) => name === "x") : null
  if (!source?.numbers.length) return ""
  return `, ${source.title.startsWith("Scaled") ? "scaled, " : ""}here ${source.numbers.map(short).join(", ")}`
}

/* The activation function with the sum on it, and the value. */
function activationPicture(view, equation, fresh, value, { narrow, width, y }, parent) {
  const { scene, focus } = view
  const result = `${mathPlain(equation.symbol)} of unit ${focus.unit + 1} = ${full(value)}`
  const shape = CURVES[equation.activation]
  const line = scene.put("eq value", "g", { class: "un-result", role: "img", "data-testid": "unrolled-value", label: result }, parent)
  const at = { x: narrow ? 8 : 18, y: y + 26 }
  scene.put("eq value symbol", "text", { class: "un-formula un-display", x: at.x, y: at.y, "text-anchor": "start", math: `${equation.symbol} = ${equation.activation && fresh ? `${equation.activation}(${full(equation.total)}) = ` : ""}` }, line)
  scene.put("eq value number", "text", { class: "un-value un-display", "data-part": "value", x: width - 6, y: at.y, "text-anchor": "end", text: full(value) }, line)
  y += 44
  if (!shape || !fresh || !Number.isFinite(equation.total)) return y + 8
  const reach = Math.max(4, Math.abs(equation.total) * 1.2)
  const [left, right, height] = [narrow ? 24 : width / 2 - 190, narrow ? width - 24 : width / 2 + 190, 128]
  const points = Array.from({ length: 81 }, (_, i) => -reach + (2 * reach * i) / 80)
  const values = points.map(shape)
  const [low, high] = [Math.min(0, ...values), Math.max(...values)]
  const px = (v) => left + ((v + reach) / (2 * reach)) * (right - left)
  const py = (v) => y + 18 + height - ((v - low) / (high - low || 1)) * height
  const picture = scene.put("eq curve", "g", { role: "img", label: `${equation.activation} at ${full(equation.total)} is ${full(value)}` }, parent)
  scene.put("curve x", "line", { class: "un-zero", x1: left, x2: right, y1: py(0), y2: py(0) }, picture)
  scene.put("curve y", "line", { class: "un-zero", x1: px(0), x2: px(0), y1: py(low), y2: py(high) }, picture)
  scene.put("curve line", "path", { class: "un-curve", d: points.map((v, i) => `${i ? "L" : "M"}${px(v).toFixed(1)} ${py(values[i]).toFixed(1)}`).join("") }, picture)
  const [x, above] = [px(equation.total), py(shape(equation.total))]
  scene.put("curve drop", "path", { class: "un-link", d: `M${x} ${py(0)}L${x} ${above}L${px(0)} ${above}` }, picture)
  scene.put("curve point", "circle", { class: "un-point", cx: x, cy: above, r: 5 }, picture)
  scene.put("curve low", "text", { class: "un-step", x: left, y: py(0) + 15, "text-anchor": "start", text: short(-reach) }, picture)
  scene.put("curve high", "text", { class: "un-step", x: right, y: py(0) + 15, "text-anchor": "end", text: short(reach) }, picture)
  scene.put("curve top", "text", { class: "un-step", x: px(0) - 6, y: py(high) + 4, "text-anchor": "end", text: short(high) }, picture)
  scene.put("curve name", "text", { class: "un-row", x: (left + right) / 2, y: y + height + 44, text: `Sum from left to right, value upwards (${equation.activation})` }, picture)
  return y + height + 56
}

function wrapText(text, most) {
  const lines = [""]
  for (const word of text.split(" ")) {
    const last = lines.length - 1
    if (lines[last] && lines[last].length + word.length >= most) lines.push(word)
    else lines[last] += (lines[last] ? " " : "") + word
  }
  return lines
}

/* A formula in lines that begin with an operator. */
function wrapFormula(formula, most) {
  const lines = [""]
  for (const part of formula.split(/(?= [+−=] )/)) {
    const last = lines.length - 1
    if (lines[last] && mathPlain(lines[last] + part).replace(/[_^]/g, "").length > most) lines.push(`   ${part}`)
    else lines[last] += part
  }
  return lines
}

/* The second level: the gates and states of one layer at one step as a diagram of how values flow between them.
 * Which nodes there are, and what each is computed from, comes from the equations of the architecture. */

/* Nodes in columns: what comes in first, then each behind all that it is computed from. */
function flow(cell) {
  const nodes = new Map()
  for (const source of cell.sources) nodes.set(source.name, { ...source, source: true, depth: 0, from: [] })
  for (const equation of cell.equations) {
    const from = [...new Set(equation.terms.flatMap((term) => term.factors.map((factor) => factor.name)))].filter((name) => nodes.has(name))
    nodes.set(equation.name, { ...equation, from, depth: 1 + Math.max(0, ...from.map((name) => nodes.get(name).depth)) })
  }
  // What is used last comes first, so that its line leads past the others.
  const used = (node) => Math.min(...[...nodes.values()].filter(({ from }) => from.includes(node.name)).map(({ depth }) => depth))
  const columns = []
  for (const node of nodes.values()) (columns[node.depth] ??= []).push(node)
  columns[0]?.sort((a, b) => used(b) - used(a))
  columns[0]?.forEach((node, i) => (node.place = (i + 0.5) / columns[0].length))
  for (const column of columns.slice(1)) {
    column.forEach((node, i) => (node.order = node.from.length ? node.from.reduce((sum, name) => sum + (nodes.get(name).place ?? 0), 0) / node.from.length : i))
    if (column.length > 1 && column.some((node) => nodes.get(node.from[0])?.depth > 0)) column.sort((a, b) => a.order - b.order)
    column.forEach((node, i) => (node.place = (i + 0.5) / column.length))
  }
  return { nodes, columns: columns.filter(Boolean) }
}

const LANE = 7 // pixels between two lines that lead past nodes

/* The nodes whose values go past others, above them or below: the uppermost first, the lowest first. */
function longWays(nodes) {
  const far = [...nodes.values()].filter((node) => [...nodes.values()].some((other) => other.from.includes(node.name) && other.depth - node.depth > 1))
  const upper = far.filter((node) => node.place <= 0.5).sort((a, b) => a.depth - b.depth || a.place - b.place)
  const lower = far.filter((node) => node.place > 0.5).sort((a, b) => a.depth - b.depth || b.place - a.place)
  return [upper, lower].map((part) => part.map(({ name }) => name))
}

/* Node positions: columns from left to right, on a narrow screen rows from top to bottom. */
function cellFrame(view, width) {
  const narrow = width < NARROW_SCREEN
  const { nodes, columns } = flow(view.data.cell)
  const most = Math.max(...columns.map((column) => column.length))
  const sides = longWays(nodes)
  const top = (narrow ? 70 : 66) + (narrow ? 0 : LANE * Math.max(0, sides[0].length - 1))
  let height
  if (narrow) {
    const rise = 126
    columns.forEach((column, depth) => {
      const room = (width - 8) / column.length
      column.forEach((node, i) => Object.assign(node, { x: 4 + room * (i + 0.5), y: top + 40 + rise * depth, w: Math.min(124, room - 8), h: 74 }))
    })
    height = top + rise * columns.length
  } else {
    const room = (width - 16) / columns.length
    const space = Math.max(most * 98, 250)
    const functions = view.data.cell.equations.some(({ terms }) => terms.some(({ factors }) => factors.some((factor) => factor.function && nodes.has(factor.name))))
    const gap = functions ? 112 : 64 // with room for the function that stands on a line
    columns.forEach((column, depth) => {
      const rise = space / column.length
      column.forEach((node, i) => Object.assign(node, { x: 8 + room * (depth + 0.5), y: top + rise * (i + 0.5), w: clamp(room - gap, 76, 158), h: 78 }))
    })
    height = top + space + 14
  }
  // Between which limits the nodes of each column lie along the flow, and lanes beside all nodes.
  const edges = columns.map((column) => [Math.min(...column.map((n) => (narrow ? n.y - n.h / 2 : n.x - n.w / 2))), Math.max(...column.map((n) => (narrow ? n.y + n.h / 2 : n.x + n.w / 2)))])
  const outermost = narrow ? [3, width - 3] : [66, height - 10 + LANE * Math.max(0, sides[1].length - 1)]
  const lanes = new Map(sides.flatMap((names, side) => names.map((name, i) => [name, outermost[side] + (side ? -LANE : LANE) * i])))
  if (!narrow) height += LANE * Math.max(0, sides[1].length - 1)
  return { narrow, nodes, columns, width, top, edges, lanes, strip: height, height: height + 92 }
}

function drawCell(view, width) {
  const { scene, data, focus } = view
  if (!data.cell) return refusal(view, width, data.cellRefusal || "Computing the numbers of this cell")
  const frame = cellFrame(view, width)
  const [edges, boxes, texts] = ["edges", "boxes", "texts"].map((name) => scene.put(`cell ${name}`, "g", {}))
  const heading = `${view.layerAt(focus.step, focus.layer).title}, ${view.stepTitle(focus.step)}, unit ${focus.unit + 1}${view.unitCount(data.state) ? ` of ${view.unitCount(data.state)}` : ""}`
  scene.put("cell heading", "text", { class: "un-title", x: 4, y: 20, "text-anchor": "start", text: frame.narrow ? cut(heading, 52) : heading, label: heading }, texts)
  scene.put("cell note", "text", { class: "un-row", x: 4, y: 40, "text-anchor": "start", text: frame.narrow ? "Press a box for its equation" : "Values flow from left to right. Press a box to read its equation." }, texts)
  const late = view.laterInCell(frame.columns.length)
  for (const node of frame.nodes.values()) edgesTo(view, frame, node, edges, late(node))
  for (const node of frame.nodes.values()) node.source ? sourceBox(view, frame, node, boxes) : nodeBox(view, frame, node, boxes, late(node))
  gradientNote(view, frame, texts)
  unitStrip(view, frame, texts)
  return frame.height
}

/* The way from one node to another as cubic curves, 8 numbers each; past nodes that lie between them, beside them. */
function between(frame, a, b) {
  const flip = (points) => (frame.narrow ? points.map(([x, y]) => [y, x]) : points)
  const [from, to] = flip([[a.x, a.y], [b.x, b.y]])
  const half = (node) => (frame.narrow ? node.h : node.w) / 2
  const start = [from[0] + half(a), from[1]]
  const end = [to[0] - half(b) - 3, to[1]]
  const curveTo = (p, q) => {
    const bend = Math.max(frame.narrow ? 12 : 18, (q[0] - p[0]) / 2)
    return flip([p, [p[0] + bend, p[1]], [q[0] - bend, q[1]], q])
  }
  if ((b.depth ?? 0) - a.depth < 2) return [curveTo(start, end)]
  const lane = frame.lanes.get(a.name)
  const [first, last] = [frame.edges[a.depth + 1], frame.edges[b.depth]]
  const [p, q] = [[first[0], lane], [last[0] - (frame.edges[1][0] - frame.edges[0][1]) * 0.5, lane]]
  if (q[0] <= p[0]) return [curveTo(start, end)]
  return [curveTo(start, p), flip([p, p, q, q]), curveTo(q, end)]
}

function curve(segments) {
  const f = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`
  return segments.map(([a, b, c, d], i) => `${i ? "" : `M${f(a)}`}C${f(b)} ${f(c)} ${f(d)}`).join("")
}

function along(segments, share) {
  const place = Math.min(segments.length - 1, Math.floor(share * segments.length))
  const t = share * segments.length - place
  return [0, 1].map((k) => {
    const [a, b, c, d] = segments[place].map((point) => point[k])
    return (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t * t * c + t ** 3 * d
  })
}

/* Lines to a node from all that it is computed from; where values are multiplied with each other, a sign joins them. */
function edgesTo(view, frame, node, parent, late) {
  const { scene } = view
  if (node.source) return
  const products = node.terms.filter((term) => term.factors.filter((factor) => frame.nodes.has(factor.name)).length > 1)
  const joined = new Set()
  const ends = products.map((term, i) => {
    const off = (i - (products.length - 1) / 2) * (frame.narrow ? Math.min(40, node.w / 2) : 30)
    return frame.narrow ? { x: node.x + off, y: node.y - node.h / 2 - 20, w: 16, h: 16, depth: node.depth } : { x: node.x - node.w / 2 - 22, y: node.y + off, w: 16, h: 16, depth: node.depth }
  })
  products.forEach((term, i) => {
    const sign = ends[i]
    for (const factor of term.factors) {
      const from = frame.nodes.get(factor.name)
      if (!from) continue
      joined.add(factor.name)
      const way = edge(view, frame, `${factor.name} ${node.name} ${i}`, from, sign, parent, late, node)
      applied(view, frame, `${factor.name} ${node.name} ${i}`, factor, from, way, parent, late)
    }
    const group = scene.put(`sign ${node.name} ${i}`, "g", { class: `un-sign${late}`, label: `elementwise product ${mathPlain(term.text)}` }, parent)
    scene.put(`sign ${node.name} ${i} c`, "circle", { cx: sign.x, cy: sign.y, r: 8 }, group)
    scene.put(`sign ${node.name} ${i} x`, "text", { x: sign.x, y: sign.y + 4.5, text: "×" }, group)
    const d = frame.narrow ? `M${sign.x} ${sign.y + 8}L${(sign.x + node.x) / 2} ${node.y - node.h / 2}` : `M${sign.x + 8} ${sign.y}L${node.x - node.w / 2} ${node.y + (sign.y - node.y) * 0.6}`
    scene.put(`sign ${node.name} ${i} l`, "path", { class: `un-arrow${late}`, d }, parent)
  })
  for (const name of node.from) {
    const alone = node.terms.filter((term) => !products.includes(term)).flatMap((term) => term.factors).filter((factor) => factor.name === name)
    if (joined.has(name) && !alone.length) continue
    const way = edge(view, frame, `${name} ${node.name}`, frame.nodes.get(name), node, parent, late, node)
    for (const factor of alone) applied(view, frame, `${name} ${node.name}`, factor, frame.nodes.get(name), way, parent, late)
  }
}

/* On its line, the function that a value goes through before it is used, such as tanh, and what it gives. */
function applied(view, frame, key, factor, from, way, parent, late) {
  if (!factor.function) return
  const { scene } = view
  const [x, y] = along(way, (way.length - 0.55) / way.length)
  const value = view.cellIsFresh() ? factor.value : null
  const group = scene.put(`applied ${key}`, "g", { class: `un-applied${late}`, role: "img", label: `${mathPlain(factor.symbol)}, of ${from.title.toLowerCase()}: ${full(value)}`, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` }, parent)
  const wide = 12 + 6.4 * factor.function.length
  scene.put(`applied ${key} box`, "rect", { class: "un-badge", x: -wide / 2, y: -9, width: wide, height: 18, rx: 9 }, group)
  scene.put(`applied ${key} name`, "text", { class: "un-formula un-badge-text", x: 0, y: 4, math: factor.function }, group)
  if (value !== null && value !== undefined) scene.put(`applied ${key} value`, "text", { class: "un-number", ...(frame.narrow ? { x: wide / 2 + 18, y: 4 } : { x: 0, y: -13 }), text: short(value) }, group)
}

function edge(view, frame, key, from, to, parent, late, target) {
  const points = between(frame, from, to)
  const touched = view.hovered === from.name || view.hovered === target.name ? " un-touched" : ""
  view.scene.put(`edge ${key}`, "path", { class: `un-edge${late}${touched}`, d: curve(points), "aria-hidden": "true" }, parent)
  const { pass } = view
  if (!pass.playing || view.still) return points
  const part = (pass.at - Math.floor(pass.at)) * frame.columns.length - (target.depth - 1)
  if (part < 0 || part > 1) return points
  const back = pass.direction < 0
  const [x, y] = along(points, part)
  view.scene.put(`token ${key}`, "circle", { class: `un-token${back ? " un-gradient" : ""}`, cx: x.toFixed(1), cy: y.toFixed(1), r: 4 }, parent)
  return points
}

function sourceBox(view, frame, node, parent) {
  const { scene } = view
  const several = node.numbers.length > 1
  const known = several || (node.value !== null && node.value !== undefined)
  const value = known && !several ? view.sourceValue(node) : null
  const all = several && view.cellIsFresh() ? node.numbers : null
  const whose = node.name === "x" ? "" : ` of unit ${view.focus.unit + 1}`
  const words = `${node.title}${node.shape ? `, ${node.shape}` : ""}${all ? `: ${all.map(full).join(", ")}` : value === null ? "" : `${whose}: ${full(value)}`}`
  const group = scene.put(`node ${node.name}`, "g", { class: "un-source", role: "img", label: words, transform: `translate(${node.x} ${node.y})` }, parent)
  scene.put(`node ${node.name} box`, "rect", { class: "un-source-box", x: -node.w / 2, y: -node.h / 2, width: node.w, height: node.h, rx: node.h / 2 }, group)
  const most = Math.floor(node.w / 5.8)
  const lines = titleLines(node)
  const lift = 9 * (lines.length - 1)
  scene.put(`node ${node.name} symbol`, "text", { class: "un-formula", x: 0, y: (known ? -12 : -4) - (lift ? 6 : 0), math: node.symbol }, group)
  lines.forEach((line, i) => scene.put(`node ${node.name} title ${i}`, "text", { class: "un-small", x: 0, y: (known ? 8 : 17) - lift + 10 * i, text: line }, group))
  const number = all ? cut(all.map(short).join(", "), most) : value === null ? "…" : short(value)
  if (known) scene.put(`node ${node.name} value`, "text", { class: "un-number", x: 0, y: 24, text: number }, group)
}

/* The title of a node in at most two lines of its width. */
function titleLines(node) {
  const most = Math.floor(node.w / 5.8)
  const lines = [...node.title].length > most ? wrapText(node.title, most) : [node.title]
  return [lines[0], lines.slice(1).join(" ")].filter(Boolean).map((line) => cut(line, most))
}

function nodeBox(view, frame, node, parent, late) {
  const { scene, focus } = view
  const value = view.nodeValue(node)
  const limit = node.name.endsWith("_gate") ? 1 : view.limitOf(node.name)
  const strong = onColor(value, limit)
  const label = `${node.title}, unit ${focus.unit + 1}: ${full(value)}. ${mathPlain(node.formula)}. Open its equation`
  const group = scene.put(`node ${node.name}`, "g", { class: `un-node un-press${late}${focus.name === node.name ? " un-chosen" : ""}`, "data-go": "equation", "data-name": node.name, role: "button", tabindex: 0, label, transform: `translate(${node.x} ${node.y})` }, parent)
  scene.put(`node ${node.name} box`, "rect", { class: "un-box", x: -node.w / 2, y: -node.h / 2, width: node.w, height: node.h, rx: 9, style: valueColor(value, limit) }, group)
  const lines = titleLines(node)
  lines.forEach((line, i) => scene.put(`node ${node.name} title ${i}`, "text", { class: `un-small ${strong}`, x: 0, y: -node.h / 2 + (lines.length > 1 ? 14 : 19) + 11 * i, text: line }, group))
  scene.put(`node ${node.name} symbol`, "text", { class: `un-formula ${strong}`, x: 0, y: 9, math: node.symbol }, group)
  scene.put(`node ${node.name} value`, "text", { class: `un-number un-large ${strong}`, x: 0, y: node.h / 2 - 7, text: short(value) }, group)
  if (!node.activation) return
  const wide = 12 + (/^\p{Lu}+$/u.test(node.activation) ? 9 : 6.4) * node.activation.length
  const corner = { x: node.w / 2 - wide + 5, y: -node.h / 2 - 13 }
  scene.put(`node ${node.name} badge`, "rect", { class: "un-badge", ...corner, width: wide, height: 18, rx: 9 }, group)
  scene.put(`node ${node.name} activation`, "text", { class: "un-formula un-badge-text", x: corner.x + wide / 2, y: corner.y + 13, math: node.activation }, group)
}

/* The gradient that reaches this step, where it is known. */
function gradientNote(view, frame, parent) {
  const value = view.data.gradient ? view.gradientAt(view.focus.step, view.focus.layer) : null
  if (value === null || Number.isNaN(value)) return
  const words = `Gradient of the loss with respect to this state, all units: ${full(value)}`
  view.scene.put("cell gradient", "text", { class: "un-row un-gradient-text", x: frame.narrow ? 4 : frame.width - 4, y: frame.narrow ? 56 : 20, "text-anchor": frame.narrow ? "start" : "end", text: frame.narrow ? `Gradient of the loss: ${short(value)}` : words, label: words }, parent)
}

/* The units of the state side by side, to choose another one. */
function unitStrip(view, frame, parent) {
  const { scene, data, focus } = view
  const [first, count] = view.unitsOf(view.name)
  const all = view.unitCount(view.name)
  if (!count) return
  const y = frame.strip + 22
  const width = frame.width - 8
  const most = Math.max(1, Math.min(count, Math.floor(width / 18)))
  const from = clamp(focus.unit - Math.floor(most / 2), first, first + count - most)
  const side = Math.min(30, width / most)
  const words = most < all ? `${view.titleOf(view.name)}, units ${from + 1} to ${from + most} of ${all}` : `${view.titleOf(view.name)}, ${all === 1 ? "its only unit" : `all ${all} units`}`
  scene.put("strip title", "text", { class: "un-row", x: 4, y: y - 8, "text-anchor": "start", text: words }, parent)
  for (let k = 0; k < most; k++) {
    const unit = from + k
    const value = view.valueAt(view.name, focus.step, focus.layer, unit)
    scene.put(`strip ${k}`, "rect", { class: `un-strip un-press${unit === focus.unit ? " un-chosen" : ""}`, "data-go": "unit", "data-unit": unit, role: "button", x: (4 + k * side).toFixed(1), y, width: (side - 1.5).toFixed(1), height: 26, rx: 3, style: valueColor(value, view.limitOf(view.name)), label: `Unit ${unit + 1}: ${full(value)}. Select the unit` }, parent)
    if (side >= 17 || unit === focus.unit) scene.put(`strip ${k} text`, "text", { class: "un-step", x: (4 + (k + 0.5) * side).toFixed(1), y: y + 42, text: String(unit + 1) }, parent)
  }
}

/* Why there is nothing to see, in several lines. */
function refusal(view, width, text) {
  const most = Math.floor((width - 16) / 7)
  const lines = wrapText(text, most)
  lines.forEach((line, i) => view.scene.put(`refusal ${i}`, "text", { class: "un-body", x: 8, y: 60 + 22 * i, "text-anchor": "start", text: line }))
  return 80 + 22 * lines.length
}

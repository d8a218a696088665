/* The first level: inputs at the bottom, a cell for each layer and step above them, the prediction at the top. */

const NARROW_SCREEN = 640 // pixels

/* Where everything of the network lies for a width of the drawing. */
function networkFrame(view, width) {
  const { data, focus } = view
  const narrow = width < NARROW_SCREEN
  const gutter = narrow ? 12 : 116
  const pitch = narrow ? 60 : 68
  const ranks = Math.max(1, data.layers.length)
  const shown = clamp(Math.floor((width - gutter - 20) / pitch), 1, data.sent)
  const least = data.first
  const start = clamp(focus.step - Math.floor(shown / 2), least, least + data.sent - shown)
  const top = narrow ? 84 : 62
  const rise = narrow ? 104 : 98
  const inputs = top + ranks * rise + (data.attention ? 38 : 16)
  const lines = data.frames ? 2 : clamp(data.columns.length, 1, 3)
  const labels = inputs + 26 + 15 * (lines - 1)
  const overview = labels + 42
  return { narrow, gutter, pitch, ranks, shown, start, top, rise, inputs, lines, labels, overview, size: 48, height: data.count > shown ? overview + 40 : labels + 20, width }
}

function columnX(frame, step) {
  return frame.gutter + 34 + (step - frame.start) * frame.pitch
}

/* The vertical center of a cell; the first layer is the lowest. */
function layerY(frame, rank) {
  return frame.top + (frame.ranks - 1 - rank) * frame.rise + 40
}

/* Layers that exist at a step, from the lowest up: a translator's encoder has others than its decoder. */
function layersAt(view, step) {
  const stage = view.data.stages.length ? view.data.stages[step - view.data.first] : ""
  return view.layersOf(stage)
}

function drawNetwork(view, width) {
  const { data, focus, scene } = view
  const frame = networkFrame(view, width)
  const back = view.pass.direction < 0
  const shownTo = Math.min(frame.start + frame.shown, data.first + data.sent)
  for (const name of ["lines", "cells", "texts", "tokens"]) scene.put(`net ${name}`, "g", { class: `un-${name}` })
  const [lines, cells, texts] = ["lines", "cells", "texts"].map((name) => scene.put(`net ${name}`, "g", {}))
  marks(view, frame, texts)
  band(view, frame, lines)
  for (let step = frame.start; step < shownTo; step++) {
    const x = columnX(frame, step)
    const layers = layersAt(view, step)
    const reached = !view.pass.started || (back ? step >= Math.floor(view.pass.at) : step <= Math.floor(view.pass.at))
    const quiet = reached ? "" : " un-later"
    if (view.lacksLayers && step > frame.start) continue
    inputAt(view, frame, step, x, texts, quiet)
    for (const layer of layers) {
      const rank = layer
      const y = layerY(frame, rank)
      const below = rank === 0 ? frame.inputs - 14 : layerY(frame, rank - 1) - frame.size / 2 - 1
      const [low, high] = [below, y + frame.size / 2 + 19]
      arrow(scene, `up ${step} ${rank}`, lines, x, back ? high : low, x, back ? low : high, `un-arrow${back ? " un-gradient" : ""}${quiet}`)
      stateArrow(view, frame, step, layer, lines)
      cellAt(view, frame, step, layer, x, y, cells, quiet)
    }
    outputAt(view, frame, step, x, texts, lines, quiet)
  }
  if (view.lacksLayers) wholeModel(view, frame, cells)
  if (data.prediction && shownTo < data.count) {
    // The last step, which it is made at, is not in the picture.
    const text = `${data.prediction} at step ${data.count.toLocaleString("en")} →`
    scene.put("prediction", "text", { class: "un-prediction un-far", x: frame.width - 8, y: 18, "text-anchor": "end", text: cut(text, Math.floor((frame.width - 16) / 7.2)), label: `Prediction at the last step: ${data.prediction}` }, texts)
  }
  attentionLines(view, frame, lines)
  tokens(view, frame)
  overview(view, frame, texts)
  return frame.height
}

function arrow(scene, key, parent, x1, y1, x2, y2, className) {
  const angle = Math.atan2(y2 - y1, x2 - x1)
  const head = [0.5, -0.5].map((turn) => `M${(x2 - 6 * Math.cos(angle + turn)).toFixed(1)} ${(y2 - 6 * Math.sin(angle + turn)).toFixed(1)}L${x2} ${y2}`)
  scene.put(key, "path", { class: className, d: `M${x1} ${y1}L${x2} ${y2}${head.join("")}`, "aria-hidden": "true" }, parent)
}

/* Titles of the rows, and where the encoder ends and the decoder begins. */
function marks(view, frame, parent) {
  const { data, scene } = view
  data.layers.forEach(({ row }, rank) => {
    const y = layerY(frame, rank)
    const at = frame.narrow ? { x: 2, y: y - frame.size / 2 - 12 } : { x: 2, y: y + 4 }
    scene.put(`row ${rank}`, "text", { class: "un-row", ...at, text: cut(row, frame.narrow ? 40 : 16), "text-anchor": "start" }, parent)
  })
  if (!frame.narrow) {
    scene.put("row input", "text", { class: "un-row", x: 2, y: frame.inputs + 4, text: "Input", "text-anchor": "start" }, parent)
    scene.put("row step", "text", { class: "un-row", x: 2, y: frame.labels + 4, text: cut(data.stepName, 16), "text-anchor": "start" }, parent)
  }
  data.stages.forEach((stage, i) => {
    const step = data.first + i
    if (step < frame.start || step >= frame.start + frame.shown) return
    if (step === frame.start || data.stages[i - 1] !== stage) {
      const title = stage[0].toUpperCase() + stage.slice(1)
      scene.put(`stage ${stage}`, "text", { class: "un-stage-title", x: columnX(frame, step) - 26, y: frame.top - 16, text: title, "text-anchor": "start" }, parent)
    }
  })
}

/* The chosen step, over the whole height. */
function band(view, frame, parent) {
  const x = columnX(frame, view.focus.step) - frame.pitch / 2 + 1
  view.scene.put("band", "rect", { class: "un-band", x, y: frame.top - 8, width: frame.pitch - 2, height: frame.labels - frame.top + 22, rx: 8 }, parent)
}

function inputAt(view, frame, step, x, parent, quiet) {
  const { data, scene } = view
  const i = step - data.first
  const words = data.columns.length && !data.frames ? data.columns.map((name, k) => `${name} ${full(view.inputs[i * data.columns.length + k])}`) : []
  const label = `Step ${step + 1} of ${data.count}, ${data.steps[i]}${words.length ? `: input ${words.join(", ")}${data.columnsLeft ? ` and ${data.columnsLeft} more` : ""}` : ""}. Select the step`
  const group = scene.put(`input ${step}`, "g", { class: `un-input un-press${quiet}`, "data-go": "step", "data-step": step, role: "button", label }, parent)
  scene.put(`input ${step} back`, "rect", { class: "un-hit", x: x - frame.pitch / 2 + 2, y: frame.inputs - 12, width: frame.pitch - 4, height: frame.labels - frame.inputs + 22, rx: 6 }, group)
  const many = data.columns.length + data.columnsLeft
  if (data.frames) scene.put(`input ${step} frame`, "image", { href: view.frameAt(step), x: x - 19, y: frame.inputs - 12, width: 38, height: 38, preserveAspectRatio: "xMidYMid meet", class: "un-frame" }, group)
  else for (let k = 0; k < Math.min(frame.lines, data.columns.length); k++) {
    const more = k === frame.lines - 1 && many > frame.lines ? ` +${many - frame.lines}` : ""
    const text = more && frame.lines > 1 ? `${many - frame.lines + 1} more` : short(view.inputs[i * data.columns.length + k])
    scene.put(`input ${step} ${k}`, "text", { class: "un-number", x, y: frame.inputs + 4 + 15 * k, text }, group)
  }
  if (!data.columns.length) scene.put(`input ${step} symbol`, "text", { class: "un-symbol", x, y: frame.inputs + 5, text: cut(data.steps[i], 7) }, group)
  const chosen = step === view.focus.step ? " un-chosen-text" : ""
  scene.put(`input ${step} label`, "text", { class: `un-step${chosen}`, x, y: frame.labels + 4, text: data.columns.length ? cutBefore(data.steps[i], frame.narrow ? 8 : 10) : String(step + 1) }, group)
}

function cellAt(view, frame, step, layer, x, y, parent, quiet) {
  const { data, scene, focus } = view
  const chosen = step === focus.step && layer === focus.layer
  const back = view.pass.direction < 0 && data.gradient
  const value = back ? view.gradientAt(step, layer) : view.valueAt(view.name, step, layer, focus.unit)
  const what = back ? `magnitude of the gradient of the loss ${full(value)}` : `${view.titleOf(view.name).toLowerCase()} of unit ${focus.unit + 1} is ${full(value)}`
  const label = `${view.layerAt(step, layer).title}, step ${step + 1}: ${what}. Open the cell`
  const key = `cell ${step} ${layer}`
  const half = frame.size / 2
  const group = scene.put(key, "g", { class: `un-cell un-press${chosen ? " un-chosen" : ""}${quiet}`, "data-go": "cell", "data-step": step, "data-layer": layer, role: "button", label, transform: `translate(${x} ${y})` }, parent)
  const [first, count] = view.unitsOf(view.name)
  scene.put(`${key} box`, "rect", { class: "un-box", x: -half, y: -half, width: frame.size, height: frame.size + 17, rx: 7, style: back ? amountColor(view.gradientShare(value)) : null }, group)
  if (!back) {
    const across = Math.ceil(Math.sqrt(count))
    const side = (frame.size - 8) / across
    const left = -(across * side) / 2
    const rows = Math.ceil(count / across)
    const upper = -(rows * side) / 2
    const gap = side > 5 ? 1 : 0.4
    for (let k = 0; k < count; k++) {
      const style = valueColor(view.valueAt(view.name, step, layer, first + k), view.limitOf(view.name))
      scene.put(`${key} u${k}`, "rect", { x: (left + (k % across) * side + gap / 2).toFixed(2), y: (upper + Math.floor(k / across) * side + gap / 2).toFixed(2), width: (side - gap).toFixed(2), height: (side - gap).toFixed(2), style }, group)
    }
    const k = focus.unit - first
    if (count > 1 && k >= 0 && k < count) scene.put(`${key} unit`, "rect", { class: "un-unit", x: (left + (k % across) * side).toFixed(2), y: (upper + Math.floor(k / across) * side).toFixed(2), width: side.toFixed(2), height: side.toFixed(2) }, group)
  }
  const strong = back && view.gradientShare(value) > 0.4 ? " on-gradient" : ""
  scene.put(`${key} value`, "text", { class: `un-number${strong}`, x: 0, y: back ? 9 : half + 12, text: short(value) }, group)
}

/* The state that goes from one step to the next; in a layer that reads backward, from the next one to this. */
function stateArrow(view, frame, step, layer, parent) {
  const { data } = view
  if (!data.recurrent || step + 1 >= frame.start + frame.shown || step + 1 >= data.count) return
  const next = step + 1
  if (!layersAt(view, next).includes(layer)) return
  const half = frame.size / 2
  const y = layerY(frame, layer)
  const [x1, x2] = [columnX(frame, step) + half + 1, columnX(frame, next) - half - 2]
  const back = view.pass.direction < 0
  const reached = !view.pass.started || (back ? step >= Math.floor(view.pass.at) : next <= Math.floor(view.pass.at))
  const reverse = view.layerAt(step, layer).reverse !== back
  const ends = reverse ? [x2 + 1, x1 + 1] : [x1, x2]
  arrow(view.scene, `state ${step} ${layer}`, parent, ends[0], y, ends[1], y, `un-arrow un-state${back ? " un-gradient" : ""}${reached ? "" : " un-later"}`)
}

function outputAt(view, frame, step, x, parent, lines, quiet) {
  const { data, scene } = view
  const last = step === data.count - 1
  const text = data.outputs ? data.outputs[step - data.first] : null
  const upper = layerY(frame, Math.max(0, ...layersAt(view, step))) - frame.size / 2
  if (!text && !last) return
  const back = view.pass.direction < 0
  const [low, high] = [upper - 2, frame.top - 4]
  arrow(scene, `out ${step}`, lines, x, back ? high : low, x, back ? low : high, `un-arrow${back ? " un-gradient" : ""}${quiet}`)
  if (text && !(last && data.prediction)) scene.put(`out ${step} text`, "text", { class: "un-number", x, y: frame.top - 10, text: cut(text, 9) }, parent)
  if (last && data.prediction) {
    const most = Math.floor((frame.width - 16) / 7.2)
    const label = `Prediction: ${data.prediction}${data.truth ? `. Truth: ${data.truth}` : ""}`
    const anchor = x > frame.width / 2 ? "end" : "start"
    const at = anchor === "end" ? Math.min(frame.width - 4, x + 30) : Math.max(4, x - 30)
    const text = cut(data.prediction, most - 12)
    scene.put("prediction", "text", { class: `un-prediction${quiet}`, x: at, y: 18, "text-anchor": anchor, text, label }, parent)
    if (data.truth) scene.put("truth", "text", { class: "un-truth", x: at, y: 36, "text-anchor": anchor, text: `truth: ${cut(data.truth, most - 8)}` }, parent)
  }
}

/* A model without layers of cells, such as a linear one: one box over all steps. */
function wholeModel(view, frame, parent) {
  const { data, scene } = view
  const from = columnX(frame, frame.start) - frame.pitch / 2 + 4
  const to = columnX(frame, frame.start + frame.shown - 1) + frame.pitch / 2 - 4
  const y = layerY(frame, 0)
  const why = data.missing.length ? data.missing[0][1] : ""
  const group = scene.put("whole", "g", { class: "un-cell un-press", "data-go": "cell", "data-step": view.focus.step, "data-layer": 0, role: "button", label: `${data.architecture} reads all steps at once. ${why} Open its equations` }, parent)
  scene.put("whole box", "rect", { class: "un-box", x: from, y: y - 24, width: Math.max(60, to - from), height: 48, rx: 8 }, group)
  scene.put("whole title", "text", { class: "un-title", x: (from + to) / 2, y: y + 5, text: data.architecture }, group)
  for (let step = frame.start + 1; step < frame.start + frame.shown; step++) inputAt(view, frame, step, columnX(frame, step), scene.put("net texts", "g", {}), "")
  for (let step = frame.start; step < frame.start + frame.shown; step++) {
    arrow(scene, `up ${step} 0`, scene.put("net lines", "g", {}), columnX(frame, step), frame.inputs - 14, columnX(frame, step), y + 27, "un-arrow")
    if (step === data.count - 1) outputAt(view, frame, step, columnX(frame, step), scene.put("net texts", "g", {}), scene.put("net lines", "g", {}), "")
  }
}

/* What the chosen step attends to: lines to earlier steps, the wider the larger the weight. */
function attentionLines(view, frame, parent) {
  const weights = view.data.attention?.[view.focus.step - view.data.first]
  if (!weights) return
  const y = frame.inputs - 16
  weights.forEach((weight, j) => {
    const step = view.data.attentionFirst + j
    if (weight < 0.02 || step < frame.start || step >= frame.start + frame.shown) return
    const [x1, x2] = [columnX(frame, step), columnX(frame, view.focus.step)]
    const bend = Math.min(22, 8 + Math.abs(x2 - x1) / 12)
    const d = x1 === x2 ? `M${x1} ${y}v-12` : `M${x1} ${y}C${x1} ${y - bend} ${x2} ${y - bend} ${x2} ${y - 2}`
    view.scene.put(`attends ${step}`, "path", { class: "un-attention", d, style: `stroke-width: ${(0.6 + 5 * weight).toFixed(2)}`, label: `Step ${view.focus.step + 1} attends to step ${step + 1} with weight ${full(weight)}` }, parent)
  })
}

/* What moves in a pass: up through the layers, then along the arrows of the state; the gradient the other way. */
function tokens(view, frame) {
  const { pass, scene, data } = view
  const parent = scene.put("net tokens", "g", {})
  if (!pass.playing || view.still) return
  const back = pass.direction < 0
  const step = Math.floor(pass.at)
  const part = back ? 1 - (pass.at - step) : pass.at - step
  if (step < frame.start || step >= frame.start + frame.shown) return
  const x = columnX(frame, step)
  const className = `un-token${back ? " un-gradient" : ""}`
  if (part < 0.6) {
    const share = part / 0.6
    const [low, high] = [frame.inputs - 14, layerY(frame, frame.ranks - 1) - frame.size / 2]
    scene.put("token up", "circle", { class: className, cx: x, cy: (back ? high + (low - high) * share : low + (high - low) * share).toFixed(1), r: 5 }, parent)
  } else if (data.recurrent) {
    const share = (part - 0.6) / 0.4
    for (const layer of layersAt(view, step)) {
      const reverse = view.layerAt(step, layer).reverse !== back
      const half = frame.size / 2
      const run = (frame.pitch - frame.size) * share + half
      scene.put(`token ${layer}`, "circle", { class: className, cx: (x + (reverse ? -run : run)).toFixed(1), cy: layerY(frame, layer), r: 5 }, parent)
    }
  }
}

/* All steps in one strip, each as strong as the mean of its units is far from zero; a frame around the shown ones. */
function overview(view, frame, parent) {
  const { data, scene } = view
  const values = view.data.gradient && view.pass.direction < 0 ? view.overviewGradient : view.overviewState
  const [left, width, y] = [frame.gutter, frame.width - frame.gutter - 8, frame.overview]
  if (!values.length || data.count <= frame.shown) return
  const group = scene.put("overview", "g", { class: "un-overview un-press", "data-go": "overview", role: "button", label: `All ${data.count} steps; steps ${frame.start + 1} to ${frame.start + frame.shown} are shown above. Click to go to a step` }, parent)
  const most = Math.max(...values) || 1
  const buckets = Math.min(values.length, Math.floor(width / 2))
  for (let k = 0; k < buckets; k++) {
    const value = values[Math.floor((k * values.length) / buckets)]
    const style = view.pass.direction < 0 && data.gradient ? amountColor(view.gradientShare(value)) : valueColor(value, most)
    scene.put(`overview ${k}`, "rect", { x: (left + (k * width) / buckets).toFixed(1), y, width: (width / buckets + 0.3).toFixed(2), height: 16, style }, group)
  }
  const [from, to] = [frame.start, frame.start + frame.shown].map((step) => left + (step * width) / data.count)
  scene.put("overview frame", "rect", { class: "un-window", x: from.toFixed(1), y: y - 2, width: Math.max(3, to - from).toFixed(1), height: 20, rx: 3 }, group)
  const at = left + ((view.focus.step + 0.5) * width) / data.count
  scene.put("overview now", "line", { class: "un-now", x1: at.toFixed(1), x2: at.toFixed(1), y1: y - 5, y2: y + 21 }, group)
  const note = `${frame.narrow ? "" : "All steps"}`
  if (note) scene.put("overview title", "text", { class: "un-row", x: 2, y: y + 13, text: note, "text-anchor": "start" }, parent)
  scene.put("overview first", "text", { class: "un-step", x: left, y: y + 34, "text-anchor": "start", text: "1" }, parent)
  scene.put("overview last", "text", { class: "un-step", x: left + width, y: y + 34, "text-anchor": "end", text: data.count.toLocaleString("en") }, parent)
}

/* The step under a pointer on the overview. */
function stepOnOverview(view, frame, x) {
  const width = frame.width - frame.gutter - 8
  return clamp(Math.floor(((x - frame.gutter) / width) * view.data.count), 0, view.data.count - 1)
}

/* The network unrolled over time: which level is open, what is chosen, the animated passes, keys and clicks.
 * FONTS is defined above this text by unrolled.py; drawing and levels are in the other files of this component. */

const views = new WeakMap() // root -> its view
const readers = new Map() // name of the component -> {level, focus, ...} of the user: kept when the node is remounted
const WAIT = 90 // milliseconds without a change until the server is asked for the numbers of another cell

const WIDEST = { network: 1480, cell: 1240, equation: 940 } // pixels: wider, what belongs together would lie far apart

const KEYS_HELP = "Arrow keys choose the step and the unit, page keys the layer, Enter goes in, Escape goes back, the space bar plays and pauses."

const READING = {
  network: (view) =>
    view.pass.direction < 0
      ? `Time runs from left to right, and the gradient from the loss back to earlier steps: the more orange a cell, the larger the gradient of the loss with respect to its state (the number; colors are logarithmic). ${view.data.gradientNote} Press a cell to open it.`
      : view.lacksLayers
      ? `${view.data.architecture} reads all steps of the window at once and has no state. Press the box to open its equation.`
      : `Time runs from left to right; each cell is one layer at one step, each of its small squares one unit: blue above zero, orange-red below, paler nearer to zero. Press a cell to open it. ${unitNote(view)}`,
  cell: (view) => `Each box is one equation of the cell, with its value for the chosen unit; lines show what it is computed from, × an elementwise product. Press a box to read its equation. ${view.data.cell?.note ?? ""}`,
  equation: () => "Each bar is one summand of the chosen unit and begins where the one before ends; their sum goes through the activation function and gives the value.",
}

function loadFonts() {
  for (const { family, url, style, weight } of FONTS) {
    if ([...document.fonts].some((font) => font.family.replace(/"/g, "") === family && font.style === style && font.weight === weight)) continue
    const font = new FontFace(family, `url(${url})`, { style, weight })
    document.fonts.add(font)
    font.load().catch(() => document.fonts.delete(font)) // the fallback font is drawn instead
  }
}

function created(root, data) {
  const svg = root.querySelector(".unrolled-picture")
  const motion = matchMedia("(prefers-reduced-motion: reduce)")
  const reader = readers.get(data.name) ?? { level: "network", of: null, focus: null, shown: null, speed: 0 }
  readers.set(data.name, reader)
  const view = { root, svg, reader, motion, scene: drawing(svg), pictures: {}, hovered: null, asked: "", still: motion.matches }
  view.pass = { direction: 1, at: 0, started: false, playing: false }
  Object.defineProperties(view, {
    focus: { get: () => reader.focus },
    level: { get: () => reader.level },
    name: { get: () => (view.data.arrays[reader.shown] ? reader.shown : view.data.state) },
  })
  addReading(view)
  loadFonts()
  listen(view)
  return view
}

/* What the levels ask about the data: numbers by name, step, layer and unit. */
function addReading(view) {
  const at = (step) => step - view.data.first
  view.unitsOf = (name) => view.data.arrays[name]?.units ?? [0, 0]
  view.unitCount = (name) => view.data.arrays[name]?.size ?? 0
  view.limitOf = (name) => view.data.arrays[name]?.limit ?? 1
  view.titleOf = (name) => view.data.arrays[name]?.title ?? "State"
  view.label = (step) => view.data.steps[at(step)] ?? String(step + 1)
  view.stepTitle = (step) => {
    const label = view.label(step)
    return label.toLowerCase() === `step ${step + 1}` ? label.toLowerCase() : `step ${step + 1} (${label})`
  }
  view.valueAt = (name, step, layer, unit) => {
    const array = view.data.arrays[name]
    if (!array) return NaN
    const [first, count] = array.units
    if (unit < first || unit >= first + count || step < view.data.first || step >= view.data.first + view.data.sent) return NaN
    return array.numbers[(at(step) * view.data.layers.length + layer) * count + unit - first]
  }
  view.frameAt = (step) => picture(view, at(step))
  view.gradientAt = (step, layer) => (view.gradient ? view.gradient[at(step) * view.data.layers.length + layer] : NaN)
  // Logarithmic over six powers of ten: gradients shrink and grow exponentially with the distance.
  view.gradientShare = (value) => (value > 0 ? clamp(1 + Math.log10(value / view.data.gradientLimit) / 6, 0, 1) : 0)
  view.layersOf = (stage) => view.data.layers.map((_, i) => i).filter((i) => stage in view.data.layers[i].stages)
  // The title and direction of a layer at a step: those of a translator's encoder and decoder differ.
  view.layerAt = (step, layer) => {
    const stage = view.data.stages[clamp(at(step), 0, view.data.sent - 1)] ?? ""
    return view.data.layers[layer]?.stages[stage] ?? { title: view.data.architecture, reverse: false }
  }
  view.cellIsFresh = () => {
    const cell = view.data.cell
    return Boolean(cell) && cell.step === view.focus.step && cell.layer === view.focus.layer && cell.unit === view.focus.unit
  }
  // The probe's number where there is one, which is here at once; else what the server computed for this cell.
  view.nodeValue = (node) => {
    const value = view.valueAt(node.name, view.focus.step, view.focus.layer, view.focus.unit)
    return Number.isNaN(value) && view.cellIsFresh() ? node.value : value
  }
  // What a cell is given: of a state before, the probe's number one step earlier is here at once.
  view.sourceValue = (node) => {
    if (view.cellIsFresh()) return node.value
    const { step, layer, unit } = view.focus
    const value = view.valueAt(node.name.replace(/_before$/, ""), step + (view.layerAt(step, layer).reverse ? 1 : -1), layer, unit)
    return Number.isNaN(value) ? null : value
  }
  // Which nodes of a cell a pass has not reached: values come from the left, the gradient from the right.
  view.laterInCell = (columns) => {
    const { pass } = view
    const place = Math.floor((pass.at - Math.floor(pass.at)) * columns + 1e-6)
    return (node) => (pass.started && (pass.direction < 0 ? node.depth < place : node.depth > place) ? " un-later" : "")
  }
}

function received(view, data) {
  const { reader } = view
  const same = reader.of === data.of
  view.data = data
  view.lacksLayers = !data.layers.length
  for (const array of Object.values(data.arrays)) array.numbers = numbers(array.values)
  view.inputs = numbers(data.inputs)
  for (const equation of data.cell?.equations ?? []) {
    equation.terms.forEach((term) => (term.value = given(term.value)))
    Object.assign(equation, { total: given(equation.total), value: given(equation.value) })
  }
  view.gradient = data.gradient ? numbers(data.gradient) : null
  view.overviewState = numbers(data.overview)
  view.overviewGradient = data.overviewGradient ? numbers(data.overviewGradient) : []
  if (!same || !reader.focus) {
    reader.of = data.of
    reader.focus = { ...data.focus, name: reader.focus?.name ?? null }
    Object.assign(view.pass, { at: reader.focus.step, started: false, playing: false })
    const now = selected()
    if (same || now.of === data.of) adopt(view, now)
  }
  reader.focus.step = clamp(reader.focus.step, 0, data.count - 1)
  reader.focus.layer = clamp(reader.focus.layer, 0, Math.max(0, data.layers.length - 1))
  reader.focus.unit = clamp(reader.focus.unit, 0, Math.max(0, view.unitCount(view.name) - 1))
  if (!same) reader.parts = null
  const equations = data.cell?.equations
  if (view.level === "equation" && equations && !equations.some(({ name }) => name === reader.focus.name)) reader.focus.name = equations[0].name
  if (data.gradientRefusal && view.pass.direction < 0) Object.assign(view.pass, { direction: 1, started: false, playing: false })
  fillNames(view)
  draw(view)
  ask(view)
}

/* A frame of the input as the address of a small picture. */
function picture(view, place) {
  const { frames } = view.data
  if (view.pictures.of !== frames.pixels) view.pictures = { of: frames.pixels, bytes: atob(frames.pixels), made: new Map() }
  const { bytes, made } = view.pictures
  if (!made.has(place)) {
    const canvas = document.createElement("canvas")
    Object.assign(canvas, { width: frames.width, height: frames.height })
    const context = canvas.getContext("2d")
    const image = context.createImageData(frames.width, frames.height)
    const size = frames.width * frames.height
    for (let i = 0; i < size; i++) {
      const value = bytes.charCodeAt(place * size + i)
      image.data.set([value, value, value, 255], 4 * i)
    }
    context.putImageData(image, 0, 0)
    made.set(place, canvas.toDataURL())
  }
  return made.get(place)
}

/* A number of an equation, which is text where JSON has none for it. */
function given(value) {
  return { inf: Infinity, "-inf": -Infinity, nan: NaN }[value] ?? value
}

/* Takes over what another picture has selected. Says whether anything changed. */
function adopt(view, { step, layer, unit, name }) {
  const { reader, data } = view
  const before = JSON.stringify(reader.focus) + reader.shown
  if (Number.isInteger(step) && step >= 0 && step < data.count) reader.focus.step = step
  if (Number.isInteger(layer) && layer >= 0 && layer < data.layers.length) reader.focus.layer = layer
  if (Number.isInteger(unit) && unit >= 0 && unit < view.unitCount(view.name)) reader.focus.unit = unit
  if (typeof name === "string" && data.arrays[name]) reader.shown = name
  return before !== JSON.stringify(reader.focus) + reader.shown
}

/* Ask the server, after a moment of rest, for steps and units that are not here, or for the numbers of a cell. */
function ask(view) {
  const { data, focus, level } = view
  const [first, count] = view.unitsOf(view.name)
  const edge = Math.min(12, Math.floor(data.sent / 4))
  const stepIsHere = focus.step >= data.first + (data.first > 0 ? edge : 0) && focus.step < data.first + data.sent - (data.first + data.sent < data.count ? edge : 0)
  const unitIsHere = !count || (focus.unit >= first && focus.unit < first + count)
  const cell = level !== "network"
  const gradient = view.pass.direction < 0
  const cellIsHere = !cell || view.cellIsFresh() || data.cellRefusal
  const gradientIsHere = !gradient || data.gradient || data.gradientRefusal
  const before = view.reader.parts ?? {} // what the server computes at each change of the page until told otherwise
  const less = (before.cell && !cell) || (before.gradient && !gradient)
  if (stepIsHere && unitIsHere && cellIsHere && gradientIsHere && !less) return
  const wanted = JSON.stringify([data.of, data.modelStep, focus.step, focus.layer, focus.unit, cell, gradient])
  clearTimeout(view.asking)
  view.asking = setTimeout(() => {
    if (wanted === view.asked) return
    view.asked = wanted
    view.reader.parts = { cell, gradient }
    view.setStateValue("focus", { of: data.of, step: focus.step, layer: focus.layer, unit: focus.unit, cell, gradient })
  }, WAIT)
}

/* Choose a step, layer, unit or equation here, and tell the other pictures. */
function choose(view, changes) {
  const { reader, data } = view
  const focus = { ...reader.focus, ...changes }
  focus.step = clamp(focus.step, 0, data.count - 1)
  const stage = data.stages.length ? data.stages[clamp(focus.step - data.first, 0, data.sent - 1)] : ""
  const layers = view.layersOf(stage)
  if (layers.length && !layers.includes(focus.layer)) {
    focus.layer = layers[layers.length - 1]
  }
  focus.unit = clamp(focus.unit, 0, Math.max(0, view.unitCount(view.name) - 1))
  const before = reader.focus
  reader.focus = focus
  const told = {}
  for (const key of ["step", "layer", "unit"]) if (focus[key] !== before[key]) told[key] = focus[key]
  if (changes.name && data.arrays[changes.name]) told.name = changes.name
  draw(view)
  ask(view)
  if (Object.keys(told).length) announce({ source: data.name, ...told })
}

function go(view, level, changes = {}) {
  view.reader.level = level
  if (level === "equation" && !(changes.name ?? view.focus.name)) changes.name = view.data.cell?.equations[0]?.name ?? null
  choose(view, changes)
}

/* The step that a pass is at. While it plays at a level below, a step is as many parts as the cell has columns. */
function parts(view) {
  return view.level === "cell" && view.data.cell ? flow(view.data.cell).columns.length : 1
}

function advance(view, by) {
  const { pass } = view
  pass.playing = false
  if (!pass.started) {
    Object.assign(pass, { started: true, at: pass.direction < 0 ? view.data.count - 1 : view.focus.step })
    if (view.level === "cell") pass.at = view.focus.step + (pass.direction < 0 ? 0.999 : 0)
  } else {
    const step = (by * pass.direction) / parts(view)
    pass.at = clamp(Math.round((pass.at + step) * 1000) / 1000, 0, view.data.count - 1 + (parts(view) > 1 ? 0.999 : 0))
  }
  follow(view)
}

function follow(view) {
  const step = Math.min(view.data.count - 1, Math.floor(view.pass.at + 1e-6))
  if (step !== view.focus.step) choose(view, { step })
  else draw(view)
}

function play(view) {
  const { pass, data } = view
  if (pass.playing) {
    pass.playing = false
    draw(view)
    return
  }
  const end = pass.direction > 0 ? data.count - 1 : 0
  if (!pass.started || Math.floor(pass.at) === end) pass.at = pass.direction > 0 ? (view.focus.step === data.count - 1 ? 0 : view.focus.step) : data.count - 0.001
  pass.started = pass.playing = true
  let before = performance.now()
  const frame = (now) => {
    if (!pass.playing || !view.svg.isConnected) return
    const stage = () => Math.floor(pass.at * parts(view))
    const drawn = stage()
    // The time of a frame may lie before the click that began the pass.
    const moved = (Math.max(0, now - before) / 1000) * 2 ** view.reader.speed * pass.direction
    before = Math.max(before, now)
    // A step whose numbers have not come yet is waited for.
    const here = view.focus.step >= view.data.first && view.focus.step < view.data.first + view.data.sent
    if (here) pass.at += moved
    if (pass.direction > 0 ? pass.at >= view.data.count - 0.001 : pass.at <= 0) {
      pass.at = pass.direction > 0 ? view.data.count - 0.001 : 0 // all of the last cell is reached
      pass.playing = false
    }
    // Without motion, only what a pass has reached changes.
    if (!view.still || stage() !== drawn || !pass.playing) follow(view)
    if (pass.playing) requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
  draw(view)
}

function fillNames(view) {
  const select = view.root.querySelector("select")
  const names = Object.entries(view.data.arrays).map(([name, array]) => [name, array.title])
  const text = JSON.stringify(names)
  if (select.dataset.names !== text) {
    select.dataset.names = text
    select.replaceChildren(...names.map(([name, title]) => new Option(title, name)))
  }
  select.value = view.name
  select.parentElement.hidden = names.length < 2 || view.level === "equation"
}

/* A picture that can't be drawn must not break the page. */
function draw(view) {
  try {
    drawAll(view)
  } catch (error) {
    console.warn("the unrolled network could not be drawn", error)
  }
}

function drawAll(view) {
  const { root, svg, scene, data, level, focus, pass } = view
  view.width = Math.floor(svg.parentElement.clientWidth)
  if (!data || !view.width) return
  const width = (view.drawnWidth = Math.min(view.width, WIDEST[level]))
  scene.begin()
  const height = { network: drawNetwork, cell: drawCell, equation: drawEquation }[level](view, width)
  scene.end()
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`)
  svg.setAttribute("width", width)
  svg.setAttribute("height", height)
  svg.setAttribute("aria-label", `${data.title}. ${description(view)} ${KEYS_HELP}`)
  svg.dataset.level = level
  root.dataset.drawn = String(Number(root.dataset.drawn ?? 0) + 1)
  controls(view)
}

/* What is to be seen, in words. */
function description(view) {
  const { data, focus, level } = view
  const where = `${view.layerAt(focus.step, focus.layer).title}, ${view.stepTitle(focus.step)} of ${data.count}, unit ${focus.unit + 1}`
  if (level === "network") {
    const value = view.valueAt(view.name, focus.step, focus.layer, focus.unit)
    const gradient = view.pass.direction < 0 && data.gradient ? `, gradient of the loss ${full(view.gradientAt(focus.step, focus.layer))}` : ""
    return `${where}: ${view.titleOf(view.name).toLowerCase()} ${full(value)}${gradient}.${data.prediction ? ` Prediction: ${data.prediction}.` : ""}`
  }
  const equations = data.cell?.equations ?? []
  const wanted = level === "cell" ? equations : equations.filter(({ name }) => name === focus.name)
  return `${where}: ${wanted.map((equation) => `${equation.title} ${mathPlain(equation.formula)} is ${full(view.nodeValue(equation))}`).join("; ")}.`
}

function controls(view) {
  const { root, data, level, focus, pass, reader } = view
  fillNames(view)
  const levels = ["network", "cell", "equation"]
  const equation = data.cell?.equations.find(({ name }) => name === focus.name)
  for (const button of root.querySelectorAll(".unrolled-path button")) {
    const depth = levels.indexOf(button.dataset.level)
    const names = { network: "Network", cell: level === "network" ? "Cell" : `${view.layerAt(focus.step, focus.layer).title}, step ${focus.step + 1}`, equation: level === "equation" && equation ? equation.title : "Equation" }
    button.textContent = names[button.dataset.level]
    button.setAttribute("aria-current", depth === levels.indexOf(level) ? "true" : "false")
    button.disabled = depth > 0 && Boolean(data.cellRefusal)
    button.title = depth > 0 && data.cellRefusal ? data.cellRefusal : { network: "The whole network over time", cell: "Gates and states of the chosen layer and step", equation: "The equation with its numbers" }[button.dataset.level]
  }
  for (const button of root.querySelectorAll("[data-direction]")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.direction) === pass.direction))
    if (button.dataset.direction === "-1") {
      button.disabled = Boolean(data.gradientRefusal)
      if (data.gradientRefusal) button.title = data.gradientRefusal
    }
  }
  const player = root.querySelector("[data-do=play]")
  player.dataset.playing = String(pass.playing)
  player.setAttribute("aria-label", pass.playing ? "Pause" : "Play")
  root.querySelector("[data-do=stop]").disabled = !pass.started
  const speed = 2 ** reader.speed
  root.querySelector("input[type=range]").value = reader.speed
  root.querySelector("output").textContent = speed >= 1 ? `${Number(speed.toFixed(1))} step${speed === 1 ? "" : "s"}/s` : `1 step in ${Number((1 / speed).toFixed(1))} s`
  root.querySelector(".unrolled-reading").textContent = [READING[level](view), data.note].filter(Boolean).join(" ")
  const missing = level === "network" ? data.missing.map(([name, reason]) => `${name}: ${reason}`).join(" ") : ""
  root.querySelector(".unrolled-note").textContent = data.gradientRefusal || (pass.direction < 0 && !data.gradient ? "Computing the gradient" : "")
  root.querySelector(".unrolled-reading").dataset.missing = missing
  if (missing) root.querySelector(".unrolled-reading").textContent += ` Not shown: ${missing}`
  const gates = root.querySelector(".unrolled-gates")
  const listed = level === "equation" ? data.cell?.equations ?? [] : []
  gates.hidden = !listed.length
  const text = JSON.stringify(listed.map(({ name, title }) => [name, title]))
  if (gates.dataset.listed !== text) {
    gates.dataset.listed = text
    gates.replaceChildren(
      ...listed.map(({ name, title }) => {
        const button = document.createElement("button")
        Object.assign(button, { type: "button", textContent: title, title: `The equation of the ${title.toLowerCase()}` })
        button.dataset.name = name
        return button
      }),
    )
  }
  for (const button of gates.children) button.setAttribute("aria-pressed", String(button.dataset.name === focus.name))
}

/* How many units the cells show of how many there are. */
function unitNote(view) {
  const [first, count] = view.unitsOf(view.name)
  const all = view.unitCount(view.name)
  if (!all) return ""
  const which = count < all ? `Units ${first + 1} to ${first + count} of ${all} are shown, around unit ${view.focus.unit + 1}` : all === 1 ? "There is one unit" : `All ${all} units are shown`
  return `${which}; the number is that of unit ${view.focus.unit + 1}, which has a frame. Full color: ${view.limitOf(view.name) === 1 && view.name.endsWith("_gate") ? "1" : `±${Number(view.limitOf(view.name).toPrecision(2))}`}.`
}

/* Read out what was chosen, once the keys are at rest. */
function say(view) {
  clearTimeout(view.saying)
  view.saying = setTimeout(() => (view.root.querySelector(".unrolled-said").textContent = description(view)), 400)
}

function pressed(view, target) {
  const { data } = view
  const go_to = target.dataset.go
  const step = Number(target.dataset.step)
  if (go_to === "step") choose(view, { step })
  else if (go_to === "cell") go(view, "cell", { step, layer: Number(target.dataset.layer) })
  else if (go_to === "unit") choose(view, { unit: Number(target.dataset.unit) })
  else if (go_to === "equation") go(view, "equation", { name: target.dataset.name })
  if (view.pass.started && Number.isInteger(step)) view.pass.at = step
  say(view)
}

function key(view, event) {
  const { focus, level, data } = view
  const on = event.target.closest("[data-go]")
  const layers = layersAt(view, clamp(focus.step, data.first, data.first + data.sent - 1))
  const moves = {
    ArrowLeft: () => choose(view, { step: focus.step - 1 }),
    ArrowRight: () => choose(view, { step: focus.step + 1 }),
    ArrowUp: () => choose(view, { unit: focus.unit + 1 }),
    ArrowDown: () => choose(view, { unit: focus.unit - 1 }),
    PageUp: () => choose(view, { layer: layers[Math.min(layers.length - 1, layers.indexOf(focus.layer) + 1)] ?? focus.layer }),
    PageDown: () => choose(view, { layer: layers[Math.max(0, layers.indexOf(focus.layer) - 1)] ?? focus.layer }),
    Home: () => choose(view, { step: 0 }),
    End: () => choose(view, { step: data.count - 1 }),
    Enter: () => (on ? pressed(view, on) : level === "network" ? !data.cellRefusal && go(view, "cell") : level === "cell" && go(view, "equation")),
    Escape: () => level !== "network" && go(view, level === "equation" ? "cell" : "network"),
    " ": () => (on ? pressed(view, on) : play(view)),
  }
  const move = moves[event.key]
  if (!move || event.ctrlKey || event.metaKey || event.altKey) return
  event.preventDefault()
  event.stopPropagation()
  move()
  if (event.key === "Escape" || event.key === "Enter") view.svg.focus({ preventScroll: true })
  if (view.pass.started && !view.pass.playing) view.pass.at = view.focus.step
  say(view)
}

function listen(view) {
  const { root, svg } = view
  svg.addEventListener("click", (event) => {
    const target = event.target.closest("[data-go]")
    if (!target) return
    if (target.dataset.go === "overview") {
      const box = svg.getBoundingClientRect()
      const frame = networkFrame(view, view.drawnWidth)
      choose(view, { step: stepOnOverview(view, frame, ((event.clientX - box.left) * view.drawnWidth) / box.width) })
    } else pressed(view, target)
  })
  svg.addEventListener("keydown", (event) => key(view, event))
  svg.addEventListener("pointerover", (event) => hover(view, event.target.closest("[data-name]")?.dataset.name ?? null))
  svg.addEventListener("pointerleave", () => hover(view, null))
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && view.level !== "network" && !svg.contains(event.target)) key(view, event)
  })
  root.querySelector(".unrolled-path").addEventListener("click", (event) => {
    const level = event.target.closest("button")?.dataset.level
    if (level) go(view, level)
  })
  root.querySelector(".unrolled-gates").addEventListener("click", (event) => {
    const name = event.target.closest("button")?.dataset.name
    if (name) go(view, "equation", { name })
  })
  root.querySelector("select").addEventListener("change", (event) => {
    view.reader.shown = event.target.value
    draw(view)
    ask(view)
    announce({ source: view.data.name, name: view.reader.shown })
  })
  root.querySelector(".unrolled-play").addEventListener("click", (event) => {
    const button = event.target.closest("button")
    if (!button) return
    if (button.dataset.direction) {
      Object.assign(view.pass, { direction: Number(button.dataset.direction), started: false, playing: false })
      draw(view)
      ask(view)
      return
    }
    const acts = {
      play: () => play(view),
      next: () => advance(view, 1),
      previous: () => advance(view, -1),
      stop: () => {
        Object.assign(view.pass, { started: false, playing: false })
        draw(view)
      },
    }
    acts[button.dataset.do]()
    say(view)
  })
  root.querySelector("input[type=range]").addEventListener("input", (event) => {
    view.reader.speed = Number(event.target.value)
    controls(view)
  })
  root.querySelector(".unrolled-save").addEventListener("click", () => {
    const { data, level } = view
    const name = [data.fileName, level === "network" ? "network" : level === "cell" ? "cell" : view.focus.name, `step-${view.focus.step + 1}`].join("-")
    saveSvg(svg, { title: data.title, description: description(view), name }).catch((error) => {
      root.querySelector(".unrolled-note").textContent = `The picture could not be saved: ${error.message}`
    })
  })
  view.motion.addEventListener("change", () => {
    view.still = view.motion.matches
    draw(view)
  })
}

function hover(view, name) {
  if (view.level !== "cell" || view.hovered === name) return
  view.hovered = name
  draw(view)
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".unrolled")
  let view = views.get(root)
  if (!view) {
    view = created(root, data)
    views.set(root, view)
    view.setStateValue = setStateValue
    view.observer = new ResizeObserver(() => {
      if (view.data && Math.floor(view.svg.parentElement.clientWidth) !== view.width) draw(view)
    })
    view.observer.observe(root)
    view.unsubscribe = onSelection((selection, detail) => {
      if (!view.data || detail.source === view.data.name) return
      if (adopt(view, selection)) {
        if (view.pass.started && !view.pass.playing) view.pass.at = view.focus.step
        fillNames(view)
        draw(view)
        ask(view)
      }
    })
  }
  view.setStateValue = setStateValue
  root.dataset.testid = data.name
  received(view, data)
  return () => {
    if (root.isConnected) return
    view.pass.playing = false
    view.observer.disconnect()
    view.unsubscribe()
    views.delete(root)
  }
}

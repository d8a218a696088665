/* Heat maps of every state and gate, units by steps, and the activation of the selected unit over the input.
 * selection.js and inspect_canvas.js stand above this text. */

const LEFT = 44 // pixels beside the maps for the numbers of units
const RIGHT = 10
const TITLE = 20 // above each map
const AXIS = 34 // below the last one
const GAP = 8
const DEBOUNCE = 500 // milliseconds after which the server is told of a selection

const views = new WeakMap() // root -> what it shows
const kept = new Map() // key of the component -> {name, order, orders}: choices of the reader, kept when it is remounted

/* The values of a map in a layer as 16-bit numbers [units, columns], decoded once. */
function valuesOf(view, map, layer) {
  const name = `${map.name} ${layer}`
  if (!view.decoded.has(name)) view.decoded.set(name, map.layers[layer] === undefined ? null : numbers(map.layers[layer]))
  return view.decoded.get(name)
}

function valueAt(view, map, layer, unit, column) {
  const values = valuesOf(view, map, layer)
  const value = values?.[unit * view.columns + column]
  return value === undefined || value === MISSING ? NaN : (value / 32767) * map.scale
}

/* A unit's values in all columns, in original units. */
function series(view, map, layer, unit) {
  return Array.from({ length: view.columns }, (_, t) => valueAt(view, map, layer, unit, t))
}

const columnOf = (view, step) => clamp(Math.floor(step / view.data.stride), 0, view.columns - 1)
const stepOf = (view, column) => Math.min(view.data.steps.length - 1, column * view.data.stride)

/* ---- the order of units ---- */

function means(rows) {
  return rows.map((row) => row.reduce((sum, v) => sum + (Number.isFinite(v) ? v : 0), 0) / row.length)
}

/* Each unit beside the one whose course over the steps is most like it: a chain from the most positive unit. */
function chained(rows) {
  const every = Math.ceil(rows[0].length / 48)
  const normed = rows.map((row) => {
    const some = row.filter((_, i) => i % every === 0).map((v) => (Number.isFinite(v) ? v : 0))
    const mean = some.reduce((a, b) => a + b, 0) / some.length
    const norm = Math.hypot(...some.map((v) => v - mean)) || 1
    return some.map((v) => (v - mean) / norm)
  })
  const average = means(rows)
  let last = average.indexOf(Math.max(...average))
  const order = [last]
  const left = new Set(rows.keys())
  left.delete(last)
  while (left.size) {
    let [best, most] = [-1, -Infinity]
    for (const other of left) {
      let alike = 0
      for (let i = 0; i < normed[last].length; i++) alike += normed[last][i] * normed[other][i]
      if (alike > most) [best, most] = [other, alike]
    }
    order.push(best)
    left.delete(best)
    last = best
  }
  return order
}

/* The order of a map's units: found for the first map with so many units, and kept while the time slider moves. */
function orderOf(view, map) {
  const plain = Array.from({ length: map.units }, (_, i) => i)
  const kind = view.reader.order
  if (kind === "index" || map.units < 2) return plain
  const key = `${view.data.of} ${kind} ${view.layer} ${map.units}`
  if (!view.reader.orders.has(key)) {
    const first = view.data.maps.find((m) => m.units === map.units && valuesOf(view, m, view.layer))
    if (!first) return plain
    const rows = plain.map((unit) => series(view, first, view.layer, unit))
    const score = kind === "mean" ? means(rows) : rows.map((row) => row.indexOf(Math.max(...row)))
    const order = kind === "similar" ? chained(rows) : plain.toSorted((a, b) => (kind === "mean" ? score[b] - score[a] : score[a] - score[b]))
    view.reader.orders.set(key, order)
  }
  return view.reader.orders.get(key)
}

/* ---- places ---- */

function shownMaps(view) {
  const { name } = view.reader
  return view.data.maps.filter((map) => name === "" || map.name === name)
}

/* The boxes of the shown maps on the stage: {map, top, height}. */
function boxes(view, height) {
  const maps = shownMaps(view)
  const each = (height - AXIS - maps.length * TITLE - (maps.length - 1) * GAP) / Math.max(1, maps.length)
  return maps.map((map, i) => ({ map, top: i * (each + TITLE + GAP) + TITLE, height: each }))
}

function at(view, event) {
  const frame = view.stage.getBoundingClientRect()
  const [x, y] = [event.clientX - frame.left, event.clientY - frame.top]
  const width = frame.width - LEFT - RIGHT
  const box = boxes(view, frame.height).find((b) => y >= b.top - TITLE && y < b.top + b.height + GAP)
  if (!box || x < LEFT - 12 || x > frame.width) return null
  const column = clamp(Math.floor(((x - LEFT) / width) * view.columns), 0, view.columns - 1)
  const order = orderOf(view, box.map)
  const row = clamp(Math.floor(((y - box.top) / box.height) * box.map.units), 0, box.map.units - 1)
  return { map: box.map, column, step: stepOf(view, column), unit: order[row], inside: y >= box.top && y < box.top + box.height }
}

/* ---- drawing ---- */

function drawMaps(view) {
  const colors = (view.colors = theme(view.stage))
  const { context, width, height } = fitted(view.picture)
  const inner = width - LEFT - RIGHT
  if (inner < 20) return
  context.font = `12px ${colors.font}`
  context.textBaseline = "middle"
  for (const { map, top, height: tall } of boxes(view, height)) {
    const values = valuesOf(view, map, view.layer)
    context.textAlign = "left"
    context.fillStyle = colors.ink
    context.font = `600 12.5px ${colors.font}`
    context.fillText(map.title, LEFT, top - TITLE / 2 - 1)
    context.font = `12px ${colors.font}`
    if (!values) {
      context.fillStyle = colors.quiet
      context.fillText("Loading this layer.", LEFT, top + tall / 2)
      continue
    }
    const table = colorTable(colors, map.diverging)
    const order = orderOf(view, map)
    context.imageSmoothingEnabled = false
    context.drawImage(squeezed(image(values, view.columns, order, table, map.diverging), tall), LEFT, top, inner, tall)
    context.strokeStyle = colors.line
    context.strokeRect(LEFT + 0.5, top + 0.5, inner - 1, tall - 1)
    drawScale(context, colors, map, width - RIGHT, top - TITLE / 2 - 1, table)
    context.fillStyle = colors.quiet
    context.textAlign = "right"
    if (view.reader.order === "index") {
      context.fillText("1", LEFT - 6, top + 7)
      if (map.units > 1) context.fillText(String(map.units), LEFT - 6, top + tall - 7)
    }
    context.save()
    context.translate(10, top + tall / 2)
    context.rotate(-Math.PI / 2)
    context.textAlign = "center"
    context.fillText("unit", 0, 0)
    context.restore()
  }
  drawSteps(view, context, colors, width, height - AXIS)
  view.root.dataset.at = String(view.data.at)
}

/* With more units than pixels, neighboring units are averaged; steps stay sharp. */
function squeezed(picture, tall) {
  const rows = Math.max(1, Math.round(tall * (window.devicePixelRatio || 1)))
  if (picture.height <= rows) return picture
  const smaller = new OffscreenCanvas(picture.width, rows)
  const context = smaller.getContext("2d")
  context.imageSmoothingQuality = "high"
  context.drawImage(picture, 0, 0, picture.width, rows)
  return smaller
}

/* The colors with their values, at the right of a map's title. */
function drawScale(context, colors, map, right, middle, table) {
  const [low, high] = [map.diverging ? formatted(-map.scale) : "0", formatted(map.scale)]
  context.fillStyle = colors.quiet
  context.textAlign = "right"
  context.fillText(high, right, middle)
  const end = right - context.measureText(high).width - 5
  for (let i = 0; i < 64; i++) {
    const from = 3 * Math.round((i * 255) / 63)
    context.fillStyle = `rgb(${table[from]},${table[from + 1]},${table[from + 2]})`
    context.fillRect(end - 64 + i, middle - 4, 1.2, 8)
  }
  context.strokeStyle = colors.line
  context.strokeRect(end - 64.5, middle - 4.5, 65, 9)
  context.fillStyle = colors.quiet
  context.fillText(low, end - 69, middle)
}

/* The axis of steps: symbols where they fit, else numbers. */
function drawSteps(view, context, colors, width, top) {
  const inner = width - LEFT - RIGHT
  const each = inner / view.columns
  const { steps, stepTitle } = view.data
  context.fillStyle = colors.quiet
  context.textAlign = "center"
  context.textBaseline = "middle"
  const dated = steps.every((label) => label.length <= 12 && !/ /.test(label.trim())) && !view.data.symbols
  const short = view.data.symbols && steps.every((label) => label.length * 6.5 < each + 1)
  if (short) steps.forEach((label, t) => context.fillText(label === " " ? "␣" : label, LEFT + (t + 0.5) * each, top + 9))
  else
    for (const tick of ticks(1, steps.length, inner / 90)) {
      if (tick < 1 || tick % 1) continue
      const label = dated ? steps[tick - 1] : tick.toLocaleString("en")
      const middle = LEFT + (columnOf(view, tick - 1) + 0.5) * each
      const half = context.measureText(label).width / 2
      context.fillText(label, clamp(middle, half, width - half), top + 9)
    }
  const every = view.data.stride > 1 ? `; every ${view.data.stride}th is drawn` : ""
  context.fillText(`${stepTitle}${every}`, LEFT + inner / 2, top + 25)
}

function drawMarks(view) {
  const { context, width, height } = fitted(view.marks)
  const { colors } = view
  if (!colors) return
  const inner = width - LEFT - RIGHT
  const each = inner / view.columns
  const all = boxes(view, height)
  const { step, unit } = selected()
  const bottom = height - AXIS
  if (view.span) {
    const [a, b] = view.span.map((s) => columnOf(view, s)).sort((p, q) => p - q)
    context.fillStyle = colors.dark ? "rgba(255,255,255,.13)" : "rgba(20,24,30,.11)"
    for (const box of all) context.fillRect(LEFT + a * each, box.top, (b - a + 1) * each, box.height)
  }
  context.lineWidth = 1
  if (view.hover) mark(context, all, view.hover, colors.quiet, [2, 3])
  const column = step === null || step >= view.data.steps.length ? null : columnOf(view, step)
  mark(context, all, { column, unit }, colors.ink, [])

  function mark(context, all, { column, unit }, color, dash) {
    context.strokeStyle = color
    context.setLineDash(dash)
    context.beginPath()
    if (column !== null && column !== undefined) {
      const x = Math.round(LEFT + (column + 0.5) * each) + 0.5
      context.moveTo(x, all[0]?.top ?? 0)
      context.lineTo(x, bottom)
    }
    for (const box of all) {
      if (unit === null || unit === undefined || unit >= box.map.units) continue
      const row = orderOf(view, box.map).indexOf(unit)
      const tall = box.height / box.map.units
      const y = box.top + row * tall
      if (tall > 5) context.rect(LEFT, y, inner, tall) // else a frame would hide the row
      else for (const [x, by] of [[LEFT, -6], [LEFT + inner, 6]]) {
        context.moveTo(x + by, y + tall / 2 - 4)
        context.lineTo(x, y + tall / 2)
        context.lineTo(x + by, y + tall / 2 + 4)
      }
    }
    context.stroke()
    context.setLineDash([])
  }
}

/* ---- the selected unit over the input ---- */

/* What the unit view shows: the selected unit and name, else the first unit, as the other pictures do. */
function shownUnit(view) {
  const chosen = selected()
  const maps = view.data.maps
  const map = maps.find((m) => m.name === chosen.name) ?? shownMaps(view)[0] ?? maps[0]
  return map ? { map, unit: chosen.unit !== null && chosen.unit < map.units ? chosen.unit : 0 } : null
}

function drawUnit(view) {
  const shown = shownUnit(view)
  const { title, letters, line } = view
  if (!shown) return title.replaceChildren()
  const { map, unit } = shown
  const note = element("span", "", ` ${view.data.input.reading}`)
  title.replaceChildren(`${map.title}, unit ${unit + 1}`, note)
  const values = series(view, map, view.layer, unit)
  line.parentElement.setAttribute("aria-label", unitWords(view, map, unit, values))
  const text = view.data.symbols
  letters.hidden = !text
  line.hidden = text
  if (text) drawLetters(view, map, values)
  else drawLine(view, map, values)
}

function drawLetters(view, map, values) {
  const { letters, data } = view
  if (letters.dataset.of !== data.of) {
    letters.dataset.of = data.of
    letters.replaceChildren(
      ...data.steps.flatMap((label, t) => {
        const span = element("span", "", label === "\n" ? "↵\n" : label)
        span.dataset.step = t
        return data.separator && t ? [data.separator, span] : [span]
      }),
    )
  }
  const colors = theme(view.stage)
  const { step } = selected()
  for (const span of letters.children) {
    const t = Number(span.dataset.step)
    const value = values[columnOf(view, t)]
    const share = Math.min(1, Math.abs(value) / map.scale) || 0
    const [r, g, b] = rgb(value < 0 ? colors.orange : colors.blue)
    span.style.background = `rgba(${r},${g},${b},${(0.78 * share).toFixed(3)})`
    span.style.color = share > 0.62 ? "#fff" : ""
    span.classList.toggle("selected", t === step)
    span.title = `step ${t + 1}: ${formatted(value)}`
  }
}

/* The input above (lines, a map of many columns, or frames), the unit's activation below, over the same steps. */
function drawLine(view, map, values) {
  const colors = theme(view.stage)
  const { context, width, height } = fitted(view.line)
  const inner = width - LEFT - RIGHT
  if (inner < 20) return
  const { input } = view.data
  const split = Math.round(height * 0.42)
  context.font = `12px ${colors.font}`
  context.textBaseline = "middle"
  const each = inner / view.columns
  const x = (t) => LEFT + (t + 0.5) * each
  if (input.kind === "lines") {
    const roles = [colors.ink, colors.green, colors.orange]
    input.lines.forEach((row, i) => path(context, row, x, 12, split - 14, input.low, input.high, roles[i % 3]))
    scale(context, colors, input.low, input.high, 12, split - 14)
    legend(context, input.names, roles, width - RIGHT)
  } else if (input.kind === "frames") drawFrames(context, colors, view, inner, split - 14)
  else if (input.kind === "map") {
    const cells = (view.inputCells ??= numbers(input.cells))
    const rows = Array.from({ length: input.rows }, (_, i) => input.rows - 1 - i)
    const gray = new Uint8ClampedArray(768)
    const ink = rgb(colors.ink)
    for (let i = 0; i < 256; i++) gray.set(colors.background.map((c, j) => c + ((ink[j] - c) * i) / 255), 3 * i)
    context.imageSmoothingEnabled = false
    context.drawImage(image(cells, view.columns, rows, gray, false), LEFT, 6, inner, split - 20)
  }
  context.fillStyle = colors.quiet
  context.textAlign = "left"
  const high = ownScale(map, values)
  const low = map.diverging ? -high : 0
  const [top, bottom] = [split + 4, height - AXIS - 2]
  context.strokeStyle = colors.line
  context.beginPath()
  const zero = bottom - ((0 - low) / (high - low)) * (bottom - top)
  context.moveTo(LEFT, zero)
  context.lineTo(LEFT + inner, zero)
  context.stroke()
  path(context, values, x, top, bottom, low, high, colors.blue, 1.75)
  scale(context, colors, low, high, top, bottom)
  drawSteps(view, context, colors, width, height - AXIS)
  const { step } = selected()
  if (step === null || step >= view.data.steps.length) return
  const column = columnOf(view, step)
  context.strokeStyle = colors.ink
  context.beginPath()
  context.moveTo(Math.round(x(column)) + 0.5, 4)
  context.lineTo(Math.round(x(column)) + 0.5, height - AXIS)
  context.stroke()
  const value = values[column]
  if (!Number.isFinite(value)) return
  context.fillStyle = colors.blue
  context.beginPath()
  context.arc(x(column), bottom - ((value - low) / (high - low)) * (bottom - top), 3.5, 0, 7)
  context.fill()
}

/* The end of a unit's axis: 1 for gates, else the next of 1, 2, 5, 10, ... above its largest value. */
function ownScale(map, values) {
  const most = Math.max(...values.filter(Number.isFinite).map(Math.abs), 0)
  if (map.name.endsWith("_gate") || !(most > 0)) return map.scale
  const power = 10 ** Math.floor(Math.log10(most))
  return Math.min(map.scale, [1, 2, 5, 10].map((f) => f * power).find((end) => end >= most * (1 - 1e-6)))
}

/* The names of the lines in their colors, from the right. */
function legend(context, names, roles, right) {
  context.textAlign = "right"
  for (let i = names.length - 1; i >= 0; i--) {
    const name = names[i].length > 24 ? `${names[i].slice(0, 23)}…` : names[i]
    context.fillStyle = roles[i % roles.length]
    context.fillText(name, right, 6)
    right -= context.measureText(name).width + 14
  }
}

function path(context, row, x, top, bottom, low, high, color, thick = 1.3) {
  context.strokeStyle = color
  context.lineWidth = thick
  context.beginPath()
  let down = false
  row.forEach((v, t) => {
    if (v === null || !Number.isFinite(v)) return (down = false)
    const y = bottom - ((v - low) / (high - low || 1)) * (bottom - top)
    context[down ? "lineTo" : "moveTo"](x(t), y)
    down = true
  })
  context.stroke()
  context.lineWidth = 1
}

function scale(context, colors, low, high, top, bottom) {
  context.fillStyle = colors.quiet
  context.textAlign = "right"
  context.fillText(formatted(high), LEFT - 6, top + 5)
  context.fillText(formatted(low), LEFT - 6, bottom - 5)
}

/* As many frames as fit, each over its own steps. */
function drawFrames(context, colors, view, inner, room) {
  const { input } = view.data
  const [tall, wide] = input.frame
  const cells = (view.inputCells ??= numbers(input.cells)) // [height * width, columns]
  const side = Math.min(room, 64)
  const width = (side * wide) / tall
  const every = Math.max(1, Math.ceil((width + 3) / (inner / view.columns)))
  const ink = rgb(colors.ink)
  for (let t = 0; t < view.columns; t += every) {
    const frame = new OffscreenCanvas(wide, tall)
    const inside = frame.getContext("2d")
    const pixels = inside.createImageData(wide, tall)
    for (let i = 0; i < tall * wide; i++) {
      const value = Math.max(0, cells[i * view.columns + t]) / 32767
      pixels.data.set([...ink, Math.round(255 * value)], 4 * i)
    }
    inside.putImageData(pixels, 0, 0)
    const left = LEFT + (t + 0.5) * (inner / view.columns) - width / 2
    context.imageSmoothingEnabled = false
    context.drawImage(frame, left, 4, width, side)
    context.strokeStyle = colors.line
    context.strokeRect(left - 0.5, 3.5, width + 1, side + 1)
  }
}

/* ---- words ---- */

function words(view, { map, step, unit }) {
  const label = view.data.steps[step]
  const named = [undefined, String(step + 1), `step ${step + 1}`].includes(label) ? "" : ` (${label === " " ? "space" : label})`
  const value = formatted(valueAt(view, map, view.layer, unit, columnOf(view, step)))
  return `${map.title}, unit ${unit + 1}, step ${step + 1}${named}: ${value}`
}

/* What the unit view shows, for those who can't see it: the lowest and the highest value. */
function unitWords(view, map, unit, values) {
  const name = `${map.title}, ${view.data.layers[view.layer]}, unit ${unit + 1}, over ${view.data.steps.length} steps of the input`
  const known = [...values.keys()].filter((t) => Number.isFinite(values[t]))
  if (!known.length) return `${name}: no finite values`
  const [low, high] = [-1, 1].map((sign) => known.reduce((a, b) => (sign * values[b] > sign * values[a] ? b : a)))
  const at = (t) => `${formatted(values[t])} at step ${stepOf(view, t) + 1}`
  return `${name}: lowest ${at(low)}, highest ${at(high)}`
}

function say(view) {
  if (view.hover) return (view.readout.textContent = words(view, view.hover))
  const shown = shownUnit(view)
  const { step } = selected()
  const known = shown && step !== null && step < view.data.steps.length
  view.readout.textContent = known ? words(view, { ...shown, step }) : "Point at a cell, or click one to mark it in every picture."
}

/* ---- selecting ---- */

function tellServer(view) {
  clearTimeout(view.telling)
  view.telling = setTimeout(() => {
    const { step, layer, unit, name } = selected()
    const text = JSON.stringify([step, layer, unit, name, view.span])
    if (text === view.told) return
    view.told = text
    view.trigger("selected", { step, layer, unit, name, span: view.span })
  }, DEBOUNCE)
}

function select(view, keys) {
  announce({ source: "heat-maps", layer: view.layer, ...keys })
}

function pressed(view, event) {
  const place = at(view, event)
  if (!place || event.button) return
  view.dragging = { from: place.step, moved: false }
  view.stage.setPointerCapture(event.pointerId)
}

function moved(view, event) {
  const place = at(view, event)
  if (view.dragging && place && Math.abs(place.step - view.dragging.from) > 0) {
    view.dragging.moved = true
    view.span = [Math.min(view.dragging.from, place.step), Math.max(view.dragging.from, place.step)]
  }
  view.hover = place?.inside ? place : null
  say(view)
  drawMarks(view)
}

function released(view, event) {
  const place = at(view, event)
  const drag = view.dragging
  view.dragging = null
  if (!place || !drag) return
  if (drag.moved) {
    select(view, { step: view.span[0], unit: place.unit, name: place.map.name, span: view.span })
    return
  }
  view.span = null
  select(view, { step: place.step, unit: place.unit, name: place.map.name })
}

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], PageUp: [0, -10], PageDown: [0, 10] }

function typed(view, event) {
  const last = view.data.steps.length - 1
  const shown = shownUnit(view)
  if (!shown) return
  if (event.key === "Escape") {
    view.span = null
    announce({ source: "heat-maps", step: null, unit: null, name: null })
  } else if (event.key === "Home" || event.key === "End") {
    select(view, { step: event.key === "Home" ? 0 : last, unit: shown.unit, name: shown.map.name })
  } else if (MOVES[event.key]) {
    const [across, down] = MOVES[event.key]
    const before = selected().step
    const step = before === null ? 0 : clamp(before + across * view.data.stride, 0, last)
    const order = orderOf(view, shown.map)
    const row = clamp(order.indexOf(shown.unit) + down, 0, order.length - 1)
    if (event.shiftKey && across) {
      const start = view.span ? (before === view.span[0] ? view.span[1] : view.span[0]) : before ?? 0
      view.span = [Math.min(start, step), Math.max(start, step)]
    }
    select(view, { step, unit: order[row], name: shown.map.name })
  } else return
  event.preventDefault()
}

/* ---- mounting ---- */

function options(select, entries, value) {
  const text = JSON.stringify(entries)
  if (select.dataset.entries !== text) {
    select.dataset.entries = text
    select.replaceChildren(...entries.map(([v, title]) => new Option(title, v)))
  }
  select.value = value
}

function redraw(view) {
  drawMaps(view)
  drawMarks(view)
  drawUnit(view)
  say(view)
}

function mount(root, key) {
  const find = (name) => root.querySelector(`.heat-maps-${name}`)
  const view = { root, decoded: new Map(), hover: null, span: null }
  if (!kept.has(key)) kept.set(key, { name: "", order: "index", orders: new Map() })
  view.reader = kept.get(key)
  for (const name of ["stage", "picture", "marks", "readout", "title", "letters", "line"]) view[name] = find(name === "title" ? "unit-title" : name)
  view.controls = { name: find("name"), layer: find("layer"), order: find("order") }
  view.controls.order.value = view.reader.order
  view.stage.onpointerdown = (event) => pressed(view, event)
  view.stage.onpointermove = (event) => moved(view, event)
  view.stage.onpointerup = (event) => released(view, event)
  view.stage.onpointerleave = () => {
    view.hover = null
    say(view)
    drawMarks(view)
  }
  view.stage.onkeydown = (event) => typed(view, event)
  view.letters.onclick = ({ target }) => {
    if (target.dataset.step !== undefined) select(view, { step: Number(target.dataset.step) })
  }
  view.line.onclick = (event) => {
    const frame = view.line.getBoundingClientRect()
    const place = (event.clientX - frame.left - LEFT) / (frame.width - LEFT - RIGHT)
    select(view, { step: stepOf(view, clamp(Math.floor(place * view.columns), 0, view.columns - 1)) })
  }
  view.controls.name.onchange = ({ target }) => {
    view.reader.name = target.value
    redraw(view)
  }
  view.controls.order.onchange = ({ target }) => {
    view.reader.order = target.value
    view.reader.orders.clear()
    redraw(view)
  }
  view.controls.layer.onchange = ({ target }) => announce({ source: "heat-maps", layer: Number(target.value) })
  view.observer = new ResizeObserver(() => view.data && redraw(view))
  view.observer.observe(view.stage)
  return view
}

/* Scroll to the picture that the followed link leads to: once, and again when what is above it has its height. */
function reveal(stage) {
  if (window.sequenceLabRevealed) return
  window.sequenceLabRevealed = true
  const show = () => stage.isConnected && stage.scrollIntoView({ block: "center" })
  const waiting = [0, 300, 1000].map((delay) => setTimeout(show, delay))
  const stop = () => waiting.forEach(clearTimeout)
  for (const event of ["wheel", "touchstart", "keydown", "pointerdown"]) window.addEventListener(event, stop, { once: true, passive: true })
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".heat-maps")
  let view = views.get(root)
  if (!view) {
    view = mount(root, data.name)
    views.set(root, view)
  }
  view.trigger = setTriggerValue
  if (view.data?.key !== data.key || view.data?.sent !== data.sent) {
    view.decoded.clear()
    view.inputCells = undefined
  }
  if (view.data?.of !== data.of) view.span = null
  view.data = data
  view.columns = data.columns
  root.dataset.testid = data.name
  root.style.setProperty("--stage", `${data.stage}px`)
  root.style.setProperty("--unit", `${data.unit}px`)
  if (view.reader.name && !data.maps.some((map) => map.name === view.reader.name)) view.reader.name = ""
  options(view.controls.name, [["", "all"], ...data.maps.map((map) => [map.name, map.title])], view.reader.name)
  beginSelection(data.of, data.selection)
  view.layer = clamp(selected().layer ?? 0, 0, data.layers.length - 1)
  options(view.controls.layer, data.layers.map((title, i) => [String(i), title]), String(view.layer))
  view.controls.layer.disabled = data.layers.length < 2
  view.controls.name.disabled = data.maps.length < 2
  view.stage.setAttribute("aria-label", data.label)
  view.end?.()
  let first = true
  view.end = onSelection(({ layer }) => {
    if (first) return (first = false)
    const wanted = clamp(layer ?? 0, 0, data.layers.length - 1)
    if (wanted !== view.layer) {
      view.layer = wanted
      view.controls.layer.value = String(wanted)
      drawMaps(view)
    }
    drawMarks(view)
    drawUnit(view)
    say(view)
    tellServer(view)
  })
  // A page that is redrawn while a run goes on mostly sends the same numbers again.
  const state = [data.key, data.sent, view.layer, theme(view.stage).background].join()
  if (view.state !== state) redraw(view)
  view.state = state
  if (data.reveal) reveal(view.stage)
  return () => {
    view.end()
    view.observer.disconnect()
    views.delete(root)
  }
}

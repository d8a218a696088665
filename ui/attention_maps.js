/* Attention weights: rows are steps that attend, columns the steps that they attend to.
 * selection.js and inspect_canvas.js stand above this text. */

const EDGE = { left: 92, right: 12, top: 8, bottom: 64 }

const views = new WeakMap() // root -> what it shows
const heads = new Map() // key -> the head that the reader chose

function weight(view, row, column) {
  return view.cells[view.head][row * view.data.columns.length + column] / 32767
}

function box(view, width, height) {
  const inner = [width - EDGE.left - EDGE.right, height - EDGE.top - EDGE.bottom]
  // Cells are square where there is room, so that the diagonal is one.
  const side = Math.min(inner[0] / view.data.columns.length, inner[1] / view.data.rows.length)
  const wide = view.data.columns.length * side < 0.5 * inner[0] ? Math.min(inner[0], 2.2 * view.data.columns.length * side) : inner[0]
  return { left: EDGE.left, top: EDGE.top, width: wide, height: inner[1] }
}

function draw(view) {
  if (!view.data) return
  const colors = theme(view.stage)
  const { context, width, height } = fitted(view.canvas)
  if (width < 120) return
  const { rows, columns } = view.data
  const area = (view.area = box(view, width, height))
  const order = rows.map((_, i) => i)
  const [cellWidth, cellHeight] = [area.width / columns.length, area.height / rows.length]
  context.imageSmoothingEnabled = columns.length > area.width || rows.length > area.height
  const picture = image(view.cells[view.head], columns.length, order, colorTable(colors, false), false)
  context.drawImage(picture, area.left, area.top, area.width, area.height)
  context.strokeStyle = colors.line
  context.strokeRect(area.left + 0.5, area.top + 0.5, area.width - 1, area.height - 1)
  context.font = `12px ${colors.font}`
  context.fillStyle = colors.quiet
  context.textBaseline = "middle"
  const every = Math.max(1, Math.ceil(15 / cellHeight))
  context.textAlign = "right"
  rows.forEach((label, i) => i % every || context.fillText(short(label), area.left - 6, area.top + (i + 0.5) * cellHeight))
  const longest = Math.max(...columns.map((label) => context.measureText(short(label)).width))
  const upright = longest + 6 > cellWidth && longest > 14
  const skip = Math.max(1, Math.ceil((upright ? 15 : longest + 6) / cellWidth))
  columns.forEach((label, j) => {
    if (j % skip) return
    context.save()
    context.translate(area.left + (j + 0.5) * cellWidth, area.top + area.height + 8)
    if (upright) context.rotate(-Math.PI / 4)
    context.textAlign = upright ? "right" : "center"
    context.fillText(short(label), 0, upright ? 0 : 4)
    context.restore()
  })
  context.textAlign = "center"
  context.fillText(view.data.columnTitle, area.left + area.width / 2, height - 8)
  context.save()
  context.translate(10, area.top + area.height / 2)
  context.rotate(-Math.PI / 2)
  context.fillText(view.data.rowTitle, 0, 0)
  context.restore()
  const { step } = selected()
  const [row, column] = [view.data.rowSteps.indexOf(step), view.data.columnSteps.indexOf(step)]
  context.strokeStyle = colors.ink
  if (row >= 0) context.strokeRect(area.left, area.top + row * cellHeight, area.width, cellHeight)
  if (column >= 0) context.strokeRect(area.left + column * cellWidth, area.top, cellWidth, area.height)
  if (view.hover) {
    context.strokeStyle = colors.orange
    context.strokeRect(area.left + view.hover.column * cellWidth, area.top + view.hover.row * cellHeight, cellWidth, cellHeight)
  }
  say(view, row)
  view.root.dataset.at = String(view.data.at)
}

const short = (label) => (label === " " ? "space" : label.length > 13 ? `${label.slice(0, 12)}…` : label)

function say(view, row) {
  const { rows, columns } = view.data
  const named = (label) => (label === " " ? "space" : label)
  if (view.hover) {
    const { row, column } = view.hover
    view.readout.textContent = `${named(rows[row])} attends to ${named(columns[column])}: ${(100 * weight(view, row, column)).toFixed(1)}%`
  } else if (row >= 0) {
    const ranked = columns.map((label, j) => [weight(view, row, j), label]).sort((a, b) => b[0] - a[0]).slice(0, 3)
    view.readout.textContent = `${named(rows[row])} attends to ${ranked.map(([w, label]) => `${named(label)} ${(100 * w).toFixed(0)}%`).join(", ")}`
  } else view.readout.textContent = "Point at a cell, or click a row to mark its step in every picture."
}

function cellAt(view, event) {
  const frame = view.stage.getBoundingClientRect()
  const { area, data } = view
  if (!area) return null
  const column = Math.floor(((event.clientX - frame.left - area.left) / area.width) * data.columns.length)
  const row = Math.floor(((event.clientY - frame.top - area.top) / area.height) * data.rows.length)
  return row >= 0 && column >= 0 && row < data.rows.length && column < data.columns.length ? { row, column } : null
}

function mount(root, key) {
  const find = (name) => root.querySelector(name)
  const view = { root, key, hover: null, heads: find("select"), readout: find("output"), stage: find(".inspect-canvas-stage"), canvas: find("canvas") }
  view.head = heads.get(key) ?? 0
  view.heads.onchange = () => {
    view.head = Number(view.heads.value)
    heads.set(key, view.head)
    draw(view)
  }
  view.stage.onpointermove = (event) => {
    view.hover = cellAt(view, event)
    draw(view)
  }
  view.stage.onpointerleave = () => {
    view.hover = null
    draw(view)
  }
  view.stage.onclick = (event) => {
    const cell = cellAt(view, event)
    if (cell) announce({ source: "attention", step: view.data.rowSteps[cell.row] })
  }
  view.stage.onkeydown = (event) => {
    const { rowSteps } = view.data
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (by) announce({ source: "attention", step: rowSteps[clamp(rowSteps.indexOf(selected().step) + by, 0, rowSteps.length - 1)] })
    else if (event.key === "Escape") announce({ source: "attention", step: null })
    else return
    event.preventDefault()
  }
  view.observer = new ResizeObserver(() => draw(view))
  view.observer.observe(view.stage)
  return view
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".attention-maps")
  let view = views.get(root)
  if (!view) {
    view = mount(root, data.name)
    views.set(root, view)
  }
  if (view.data?.key !== data.key) view.cells = data.heads.map(numbers)
  view.data = data
  view.head = Math.min(view.head, data.heads.length - 1)
  if (view.heads.options.length !== data.titles.length)
    view.heads.replaceChildren(...data.titles.map((title, i) => new Option(title, i)))
  view.heads.value = String(view.head)
  view.heads.disabled = data.titles.length < 2
  root.dataset.testid = data.name
  view.stage.setAttribute("aria-label", data.label)
  const state = `${data.key} ${theme(view.stage).background}`
  const same = view.state === state // a page that is redrawn while a run goes on mostly sends the same weights again
  view.state = state
  view.end?.()
  let first = true
  view.end = onSelection(() => {
    if (!first || !same) draw(view)
    first = false
  })
  return () => {
    view.end()
    view.observer.disconnect()
    views.delete(root)
  }
}

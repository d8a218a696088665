/* The board of a race: cards with small charts on shared axes, and one chart with all of them. Nodes are used again.
 * dom.js stands above this text. */

const boards = new WeakMap() // root -> {data, axis, observer}
const PAD = { left: 46, right: 10, top: 8, bottom: 32 }

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

/* The lowest and the highest of all known values; null where there is none. */
function extent(lists, positive) {
  let low = Infinity
  let high = -Infinity
  for (const list of lists)
    for (const value of list)
      if (value !== null && (!positive || value > 0)) {
        low = Math.min(low, value)
        high = Math.max(high, value)
      }
  return low <= high ? [low, high] : null
}

function short(value) {
  if (value === 0) return "0"
  const size = Math.abs(value)
  if (size >= 1e6) return `${+(value / 1e6).toPrecision(3)}M`
  if (size >= 1e4) return `${+(value / 1e3).toPrecision(3)}k`
  return size < 1e-4 ? value.toExponential(0) : String(+value.toPrecision(3))
}

function logTicks(low, high) {
  const ticks = []
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const n of high / low > 30 ? [1] : [1, 2, 5]) {
      const tick = n * 10 ** power
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick)
    }
  const keep = Math.ceil(ticks.length / 5)
  return ticks.length > 1 ? ticks.filter((_, i) => i % keep === 0) : [low, high]
}

/* A scale from data to pixels. Logarithmic where asked for and possible. */
function scale(range, log, from, to) {
  let [low, high] = range ?? [log ? 0.1 : 0, 1]
  if (low === high) [low, high] = log ? [low / 1.5, high * 1.5] : [low - 0.5, high + 0.5]
  const put = log ? Math.log : (v) => v
  const span = put(high) - put(low)
  const at = (value) => from + ((to - from) * (put(value) - put(low))) / span
  return { at, low, high, ticks: (most) => (log ? logTicks(low, high) : ticks(low, high, most)), log }
}

function path(xs, ys, x, y) {
  const known = (i) => xs[i] !== null && ys[i] !== null && !(y.log && ys[i] <= 0)
  return linePath(xs.map((_, i) => (known(i) ? [x.at(xs[i]), y.at(ys[i])] : null)))
}

/* Draw axes and lines into an SVG; lines keep their nodes. `lines`: {key, xs, ys, color, width, opacity, dash}. */
function draw(svg, { x, y, xTitle, yTitle, lines, mark, width, height, ticks }) {
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`)
  let axes = svg.querySelector("g.axes")
  if (!axes) {
    axes = shape("g", { class: "axes", "aria-hidden": "true" })
    svg.append(axes)
  }
  const state = [x.low, x.high, y.low, y.high, width, height, xTitle, yTitle, mark].join()
  if (axes.dataset.state !== state) {
    axes.dataset.state = state
    const nodes = []
    const [left, right, top, bottom] = [PAD.left, width - PAD.right, PAD.top, height - PAD.bottom]
    for (const tick of y.ticks(4)) {
      const at = y.at(tick)
      nodes.push(shape("line", { class: "grid", x1: left, x2: right, y1: at, y2: at }))
      nodes.push(shape("text", { x: left - 5, y: at + 4, "text-anchor": "end" }, short(tick)))
    }
    for (const tick of x.ticks(ticks)) {
      nodes.push(shape("text", { x: x.at(tick), y: bottom + 14, "text-anchor": "middle" }, short(tick)))
    }
    nodes.push(shape("text", { x: (left + right) / 2, y: height - 4, "text-anchor": "middle" }, xTitle))
    const middle = (top + bottom) / 2
    nodes.push(
      shape("text", { x: 10, y: middle, "text-anchor": "middle", transform: `rotate(-90 10 ${middle})` }, yTitle),
    )
    if (mark !== null && mark !== undefined && mark <= x.high) {
      nodes.push(shape("line", { class: "mark", x1: x.at(mark), x2: x.at(mark), y1: top, y2: bottom }))
    }
    axes.replaceChildren(...nodes)
  }
  const known = new Map([...svg.querySelectorAll("path.line")].map((node) => [node.dataset.key, node]))
  for (const line of lines) {
    let node = known.get(line.key)
    if (!node) {
      node = shape("path", { class: "line", "data-key": line.key })
      svg.append(node)
    }
    known.delete(line.key)
    node.setAttribute("stroke", line.color)
    node.setAttribute("stroke-width", line.width)
    node.setAttribute("opacity", line.opacity ?? 1)
    node.setAttribute("stroke-dasharray", line.dash ?? "")
    const d = path(line.xs, line.ys, x, y)
    if (node.getAttribute("d") !== d) {
      node.setAttribute("d", d)
      svg.dataset.updates = String(Number(svg.dataset.updates ?? 0) + 1)
    }
  }
  for (const node of known.values()) node.remove()
}

function makeCard() {
  const card = element("div", "race-card")
  card.setAttribute("role", "listitem")
  card.dataset.testid = "race-card"
  const head = element("div", "race-head")
  head.append(element("b"), element("span", "race-status"), element("span", "race-rank"))
  const best = element("div", "race-best")
  best.append(element("span"), element("small"))
  const svg = shape("svg", { role: "img" })
  const bar = element("div", "race-bar")
  bar.append(element("i"))
  const foot = element("div", "race-foot")
  foot.append(element("span"), element("span"))
  card.append(head, best, svg, bar, foot)
  return card
}

function fillCard(card, one, data, dark) {
  card.style.setProperty("--own", dark ? one.dark : one.light)
  card.classList.toggle("first", one.rank === 1)
  card.classList.toggle("out", one.out)
  card.dataset.run = one.run
  card.title = one.why || one.parameters
  const [name, status, rank] = card.querySelector(".race-head").children
  setText(name, one.name)
  setText(status, one.status)
  setText(rank, one.rank ? ["1st", "2nd", "3rd"][one.rank - 1] ?? `${one.rank}th` : "–")
  const [value, unit] = card.querySelector(".race-best").children
  setText(value, one.best)
  setText(unit, data.best)
  card.querySelector(".race-bar i").style.width = `${100 * one.progress}%`
  const [done, time] = card.querySelector(".race-foot").children
  setText(done, one.done)
  setText(time, one.time)
  card.querySelector("svg").setAttribute("aria-label", one.label)
}

function render(root) {
  const board = boards.get(root)
  if (!board || !root.isConnected) return
  const { data } = board
  root.classList.add("drawn")
  const dark = isDark(root)
  setText(root.querySelector(".race-summary"), data.summary)
  setText(root.querySelector(".race-baseline"), data.baseline)
  const cards = root.querySelector(".race-cards")
  while (cards.children.length < data.competitors.length) cards.append(makeCard())
  while (cards.children.length > data.competitors.length) cards.lastChild.remove()
  const losses = data.competitors.flatMap((one) => [one.train[1], one.validation[1]])
  const steps = extent(data.competitors.flatMap((one) => [one.train[0], one.validation[0]]))
  const range = extent(losses, true)
  const lineWidth = 1.75
  const color = (one) => (dark ? one.dark : one.light)
  data.competitors.forEach((one, i) => {
    const card = cards.children[i]
    fillCard(card, one, data, dark)
    const svg = card.querySelector("svg")
    const width = svg.clientWidth || 260
    const height = 150
    draw(svg, {
      x: scale([0, steps?.[1] ?? 1], false, PAD.left, width - PAD.right),
      y: scale(range, true, height - PAD.bottom, PAD.top),
      xTitle: "training step",
      yTitle: "loss (scaled)",
      ticks: 3,
      width,
      height,
      lines: [
        { key: "train", xs: one.train[0], ys: one.train[1], color: color(one), width: 1, opacity: 0.5 },
        { key: "validation", xs: one.validation[0], ys: one.validation[1], color: color(one), width: 2.25 },
      ],
    })
  })
  overlay(root, board, color, lineWidth)
}

function overlay(root, { data, axis }, color, lineWidth) {
  const svg = root.querySelector(".race-overlay")
  const width = svg.clientWidth || 700
  const height = 300
  const xs = extent(data.competitors.map((one) => one[axis][0]))
  const ys = extent(data.competitors.map((one) => one[axis][1]))
  const log = ys !== null && ys[0] > 0 && ys[1] > 10 * ys[0]
  const mark = axis === "byStep" ? data.step : data.seconds
  draw(svg, {
    x: scale([0, xs?.[1] ?? 1], false, PAD.left, width - PAD.right),
    y: scale(ys, log, height - PAD.bottom, PAD.top + 26),
    xTitle: axis === "byStep" ? "training step" : "training time (s)",
    yTitle: data.score,
    ticks: 8,
    width,
    height,
    mark,
    lines: data.competitors.map((one) => ({
      key: one.run,
      xs: one[axis][0],
      ys: one[axis][1],
      color: color(one),
      width: lineWidth + 0.5,
      dash: one.dash,
    })),
  })
  svg.setAttribute("aria-label", `All competitors: ${data.score}. ${data.summary}`)
  const where = axis === "byStep" ? "step" : "time"
  setText(
    root.querySelector(".race-overlay-reading"),
    `All competitors: ${data.score} after each epoch. The dashed line is the furthest ${where} that all have reached; the ` +
      "ranking compares the best scores up to the furthest common step.",
  )
  const legend = root.querySelector(".race-legend")
  while (legend.children.length < data.competitors.length) {
    const item = element("span")
    item.append(element("i"), element("span"))
    legend.append(item)
  }
  while (legend.children.length > data.competitors.length) legend.lastChild.remove()
  data.competitors.forEach((one, i) => {
    legend.children[i].style.setProperty("--own", color(one))
    legend.children[i].firstChild.style.borderTopStyle = one.dash ? "dashed" : "solid"
    setText(legend.children[i].lastChild, one.name)
  })
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".race-board")
  let board = boards.get(root)
  if (!board) {
    board = { axis: "byStep", calls: 0 }
    boards.set(root, board)
    board.observer = new ResizeObserver(() => render(root))
    board.observer.observe(root)
    for (const button of root.querySelectorAll(".race-axis button")) {
      button.onclick = () => {
        board.axis = button.value
        for (const other of root.querySelectorAll(".race-axis button"))
          other.setAttribute("aria-pressed", String(other === button))
        render(root)
      }
    }
  }
  board.data = data
  render(root)
  // Streamlit also calls this for an update that the next one has overtaken.
  const call = ++board.calls
  return () =>
    setTimeout(() => {
      if (board.calls !== call) return
      board.observer.disconnect()
      boards.delete(root)
    }, 500)
}

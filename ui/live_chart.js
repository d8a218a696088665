/* Draws a Plotly figure and updates it in place: Plotly.react on the same node keeps the zoom and the node.
 * ROUTE, WHOLE, TRACES, FEED, TEMPLATES and PALETTE are defined above this text by live_chart.py, and dom.js and
 * selection.js stand there too.
 *
 * A trace whose meta is {select: "step"} or {select: "unit"} takes part in the selection of the page: its points are the
 * steps or units in order, from meta.first on; with meta.per units of several layers follow one another. A click on one
 * selects it, and what is selected is marked. */

const charts = new WeakMap() // node -> state of the chart across updates
const drawn = new WeakMap() // node -> what was drawn on it last
const readers = new Map() // chart name -> {revision, zoom, scale} chosen by the user: kept when a node is remounted

function loadPlotly(route) {
  const loading = (window.__plotlyLoading ??= {}) // see start.js
  return (loading[route] ??= new Promise((resolve, reject) => {
    const script = document.createElement("script")
    script.src = new URL(`.${route}`, location.href)
    script.onload = () => resolve(window.Plotly)
    script.onerror = () => reject(new Error("Plotly could not be loaded from this server"))
    document.head.append(script)
  }))
}

/* Has the chart drawn once a script is loaded: ROUTE, or WHOLE for a figure with a trace that ROUTE can't draw. */
function drawWith(chart, route) {
  chart.route = route
  chart.Plotly = undefined
  loadPlotly(route).then(
    (Plotly) => {
      if (chart.route !== route) return
      chart.Plotly = Plotly
      drawn.delete(chart.node)
      draw(chart)
    },
    (error) => (chart.node.textContent = error.message),
  )
}

function themed(text, dark) {
  if (dark) for (const [light, night] of PALETTE) text = text.replaceAll(light, night)
  const figure = JSON.parse(text)
  figure.layout.template = TEMPLATES[dark ? "dark" : "light"]
  return figure
}

/* Ranges chosen by the user, in data units: {xaxis: [from, to]}. All others are automatic. */
function noteZoom(chart, update) {
  for (const [name, value] of Object.entries(update)) {
    const [, axis, rest] = name.match(/^([xy]axis\d*)\.(.+)$/) ?? []
    if (!axis) continue
    if (rest === "autorange") delete chart.reader.zoom[axis]
    else {
      const log = chart.node._fullLayout?.[axis]?.type === "log"
      const units = (v) => (log ? 10 ** v : v)
      const range = chart.reader.zoom[axis] ?? chart.node.layout[axis].range.map(units)
      if (rest === "range") chart.reader.zoom[axis] = value.map(units)
      else if (rest === "range[0]") chart.reader.zoom[axis] = [units(value), range[1]]
      else if (rest === "range[1]") chart.reader.zoom[axis] = [range[0], units(value)]
    }
  }
}

function applyZoom(chart, layout) {
  for (const [axis, range] of Object.entries(chart.reader.zoom)) {
    if (!layout[axis]) continue
    const log = layout[axis].type === "log"
    const [low, high] = range
    if (log && high <= 0) continue
    delete layout[axis].dtick // a fixed tick distance fits the whole figure only
    if (log && !layout[axis].ticktext) delete layout[axis].tickvals
    if (log) layout[axis].tickformat ??= "~g" // between powers of ten plain digits are ambiguous
    const from = low > 0 ? low : high / 1e3
    layout[axis] = { ...layout[axis], autorange: false, range: log ? [Math.log10(from), Math.log10(high)] : range }
  }
}

function setScale(chart, layout) {
  if (!chart.reader.scale || !layout.yaxis) return
  const axis = { ...layout.yaxis, type: chart.reader.scale }
  if (chart.reader.scale === "linear") {
    delete axis.dtick
    delete axis.tickvals
    delete axis.tickformat
    axis.rangemode = "tozero"
  } else Object.assign(axis, layout.meta?.log_ticks) // those of log_ticks in seqcore/plots/style.py
  layout.yaxis = axis
}

const NARROW = 520 // pixels: below this width the layout is adapted

function wrapped(text, most) {
  if (!text || text.length <= most || text.includes("<")) return text
  const lines = [""]
  const even = Math.ceil(text.length / Math.ceil(text.length / most)) + 3
  for (const word of text.split(" ")) {
    const last = lines.length - 1
    if (lines[last] && lines[last].length + word.length >= even) lines.push(word)
    else lines[last] += (lines[last] ? " " : "") + word
  }
  return lines.join("<br>")
}

/* On a narrow screen: long titles are wrapped, overlapping ticks are thinned, and of subplots side by side only the
 * first has tick labels. */
function fitNarrow(layout, width) {
  for (const [name, axis] of Object.entries(layout)) {
    if (!/^[xy]axis\d*$/.test(name)) continue
    if (axis.title?.text) axis.title.text = wrapped(axis.title.text, Math.floor(width / 11))
    const other = axis.anchor && layout[`${axis.anchor[0]}axis${axis.anchor.slice(1)}`]
    if (name.startsWith("y")) {
      const same = JSON.stringify(axis.tickvals) === JSON.stringify(layout.yaxis?.tickvals)
      if (axis.tickvals && same && other?.domain?.[0] > 0.2) axis.showticklabels = false
      continue
    }
    const [from, to] = axis.domain ?? [0, 1]
    if (axis.ticktext?.length && Math.max(...axis.ticktext.map((t) => t.length)) <= 2) {
      const every = Math.ceil((axis.ticktext.length * 13) / (0.6 * width * (to - from)))
      axis.tickvals = axis.tickvals.filter((_, i) => i % every === 0)
      axis.ticktext = axis.ticktext.filter((_, i) => i % every === 0)
    } else if (typeof axis.dtick === "number" && axis.range) {
      const room = (0.9 * width * (to - from) * axis.dtick) / Math.abs(axis.range[1] - axis.range[0])
      if (room < 22) axis.dtick *= Math.ceil(22 / room)
    }
  }
  for (const note of layout.annotations ?? []) {
    if (note.font?.size === 12) note.font.size = 10
    if (note.name === "wide" || note.name === "narrow") note.visible = note.name === "narrow"
  }
}

const TOOLBAR = 30 // pixels: the row above legend and plot that has the title, Plotly's buttons and our switch
const SMALL = 200 // pixels: a lower chart has no toolbar
const SLIM = 320 // pixels: nor has a narrower one

function hasToolbar(chart) {
  const fits = chart.data.height >= SMALL && chart.node.clientWidth >= SLIM
  return fits && !matchMedia("(max-width: 640px)").matches // as in live_chart.css
}

/* Keeps the row of the toolbar free: what is below it begins lower. `chart.legend` is the height of a drawn legend. */
function placeBelowToolbar(chart, layout) {
  if (!layout.title?.text && !chart.reader.scale && !hasToolbar(chart)) return
  const legend = layout.showlegend ? Math.max(24, chart.legend ?? 0) : 0
  layout.margin = { ...layout.margin, t: Math.max(layout.margin?.t ?? 12, TOOLBAR + legend + 6) }
}

function legendHeight(node) {
  return Math.ceil(node.querySelector(".legend")?.getBoundingClientRect().height ?? 0)
}

/* How far a legend of several lines overlaps the subplot titles below it, in pixels. */
function legendOver(node) {
  const legend = node.querySelector(".legend")?.getBoundingClientRect()
  if (!legend) return 0
  const tops = [...node.querySelectorAll(".annotation-text-g")].map((note) => note.getBoundingClientRect().top)
  return Math.max(0, ...tops.filter((top) => top > legend.top).map((top) => legend.bottom - top))
}

/* Mark what is selected on the page: a line at a step, a ring of color for a unit. */
function markSelection(chart) {
  const { node, Plotly } = chart
  if (!Plotly || !node.data?.some((trace) => trace.meta?.select)) return
  const lines = []
  node.data.forEach((trace, i) => {
    const { select, first = 0, per = 0 } = trace.meta ?? {}
    const before = per * (selected().layer ?? 0) - first
    const place = select && selected()[select] !== null ? selected()[select] + before : null
    const x = node._fullData?.[i]?.x ?? [] // of the trace itself it may be packed
    const known = place !== null && place >= 0 && place < x.length
    if (select === "unit") Plotly.restyle(node, { selectedpoints: [known ? [place] : null] }, [i])
    else if (select === "step" && known && !lines.some((line) => line.xref === (trace.xaxis ?? "x")))
      lines.push({
        type: "line", xref: trace.xaxis ?? "x", yref: "paper", x0: x[place], x1: x[place], y0: 0, y1: 1,
        line: { color: isDark(node) ? "#EDEEF0" : "#1C1E21", width: 1 }, name: "selected",
      })
  })
  const own = (node.layout.shapes ?? []).filter((shape) => shape.name !== "selected")
  if (lines.length || own.length !== (node.layout.shapes ?? []).length) Plotly.relayout(node, { shapes: [...own, ...lines] })
}

function clicked(chart, { points }) {
  const point = points.find(({ data }) => data.meta?.select)
  if (!point) return
  const { select, first = 0, per = Infinity, ...others } = point.data.meta
  const place = first + point.pointNumber
  const layer = per === Infinity ? {} : { layer: Math.floor(place / per) }
  announce({ source: chart.data.name, ...others, ...layer, [select]: per === Infinity ? place : place % per })
}

/* Plotly's buttons are one stop of the Tab key, not six for each chart: the arrow keys go from one to the next. */
function joinToolbar(node) {
  const buttons = [...node.querySelectorAll(".modebar-btn")]
  buttons.forEach((button, i) => {
    button.tabIndex = i === 0 ? 0 : -1
    button.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
      if (!step) return
      event.preventDefault()
      buttons[(i + step + buttons.length) % buttons.length].focus()
    }
  })
}

/* A figure that can't be drawn must not break the page: an uncaught error here would leave it empty. */
function draw(chart) {
  try {
    drawFigure(chart)
  } catch (error) {
    console.warn("the chart could not be drawn", error)
  }
}

function drawFigure(chart) {
  const { node, data, Plotly } = chart
  if (!Plotly || !data || !node.isConnected || charts.get(node) !== chart) return
  const dark = isDark(node)
  chart.narrow = node.clientWidth < NARROW
  // A page that is redrawn several times a second mostly sends the same figure again.
  const { scale, zoom } = chart.reader
  const width = chart.narrow ? node.clientWidth : 0
  const state = [data.figure, data.height, data.revision, scale, JSON.stringify(zoom), dark, width, chart.over, chart.legend, hasToolbar(chart)].join()
  if (node.data && drawn.get(node) === state) return
  drawn.set(node, state)
  const figure = themed(data.figure, dark)
  const more = figure.data.some(({ type = "scatter" }) => !TRACES.includes(type))
  if (more && chart.route === ROUTE) return drawWith(chart, WHOLE)
  const layout = { ...figure.layout, autosize: true, height: data.height, uirevision: data.revision }
  if (chart.reader.revision !== data.revision) {
    chart.reader.revision = data.revision
    chart.reader.zoom = {}
  }
  layout.dragmode = matchMedia("(pointer: coarse)").matches ? false : layout.dragmode ?? "zoom"
  if (chart.narrow) {
    fitNarrow(layout, node.clientWidth)
    layout.margin = { ...layout.margin, t: (layout.margin?.t ?? 12) + (chart.over ?? 0) }
  }
  placeBelowToolbar(chart, layout)
  setScale(chart, layout)
  applyZoom(chart, layout)
  // Whether a label sticks out is asked for each, which takes a third of the time of an update; margins have room.
  if (data.feed) for (const name of ["xaxis", "yaxis"]) layout[name] = { ...layout[name], ticklabeloverflow: "allow" }
  // Plotly uses ".cb" + uid as a selector, so characters as in "90% interval" and "Verbrauch (kWh)" are replaced.
  figure.data.forEach((trace, i) => (trace.uid ??= `${trace.name ?? "trace"}-${i}`.replace(/[^\p{L}\p{N}_-]/gu, "_")))
  const config = {
    displaylogo: false,
    displayModeBar: hasToolbar(chart) ? "hover" : false,
    showSendToCloud: false,
    responsive: false,
    doubleClick: "reset+autosize",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "sendChartToCloud"],
    toImageButtonOptions: { filename: data.name ?? "chart", scale: 2 },
  }
  Plotly.react(node, { data: figure.data, layout, config, frames: figure.frames ?? [] }).then(() => {
    node.dataset.updates = String(Number(node.dataset.updates ?? 0) + 1)
    const over = chart.narrow && chart.over === undefined ? legendOver(node) : 0
    const legend = legendHeight(node)
    if (over > 2 || legend > Math.max(30, chart.legend ?? 0)) {
      if (over > 2) chart.over = over + 6
      chart.legend = legend
      draw(chart)
    }
    markSelection(chart)
    joinToolbar(node)
    if (chart.listens) return
    chart.listens = true
    node.on("plotly_afterplot", () => joinToolbar(node)) // Plotly may have made new ones
    node.on("plotly_click", (event) => clicked(chart, event))
    chart.end = onSelection(() => chart.node.isConnected && markSelection(chart))
    node.on("plotly_relayout", (update) => noteZoom(chart, update))
    node.on("plotly_doubleclick", () => {
      chart.reader.zoom = {}
      drawn.delete(node)
      draw(chart)
      return false
    })
  })
}

/* The chart of a live run asks for newer versions of its figure and of the cards; see live_feed.py. */

const RETRY = 2 // seconds after an answer that did not come

async function look(chart) {
  const { node, feed } = chart
  if (charts.get(node) !== chart || !node.isConnected || !feed) return (chart.looking = false)
  const began = performance.now()
  let again = chart.again
  if (!document.hidden) {
    const query = new URLSearchParams({ run: feed.run, viewer: feed.viewer, seen: chart.version })
    try {
      const answer = await fetch(new URL(`.${FEED}?${query}`, location.href), { cache: "no-store" })
      if (answer.status === 200) take(chart, feed, await answer.json())
      else if (answer.status !== 204) again = RETRY
      if (answer.status === 200) again = chart.again
    } catch {
      again = RETRY // the server is away; Streamlit says so
    }
  }
  setTimeout(() => look(chart), Math.max(50, 1000 * again - (performance.now() - began)))
}

function take(chart, feed, found) {
  if (chart.feed?.run !== feed.run || isOlder(found.version, chart.version)) return
  chart.version = found.version
  chart.again = found.again
  chart.data = { ...chart.data, figure: found.figure }
  draw(chart)
  const cards = document.querySelector(".st-key-live [data-testid=cards]")
  if (cards) renew(cards, new DOMParser().parseFromString(found.cards, "text/html").querySelector("[data-testid=cards]"))
  const steering = document.querySelector(".st-key-live [data-testid=steer-now]")
  if (steering) steering.textContent = found.steering
  if (found.rest !== chart.feed.rest && found.rest !== chart.asked) {
    chart.asked = found.rest
    chart.trigger("rest", found.rest) // reruns the fragment
  }
}

/* Versions are "name:number"; one of another name is from another process. */
function isOlder(version, than) {
  const [name, number] = version.split(":")
  const [known, last] = than.split(":")
  return name === known && Number(number) < Number(last)
}

/* Changes texts and bars of a node to those of another one of the same structure; the rest waits for the fragment. */
function renew(node, other) {
  if (node.nodeName !== other?.nodeName || node.childNodes.length !== other.childNodes.length) return
  if (node.nodeType === Node.TEXT_NODE && node.data !== other.data) node.data = other.data
  else if (node.style && node.style.width !== other.style.width) node.style.width = other.style.width
  node.childNodes.forEach((child, i) => renew(child, other.childNodes[i]))
}

function follow(chart, data) {
  if (data.feed && chart.feed?.run === data.feed.run && isOlder(data.feed.version, chart.version)) {
    data = { ...data, figure: chart.data.figure } // the chart is ahead of the fragment
  } else if (data.feed) {
    chart.version = data.feed.version
  }
  chart.feed = data.feed
  chart.data = data
  if (!chart.feed || chart.looking) return
  chart.looking = true
  chart.again = data.feed.again
  setTimeout(() => look(chart), 1000 * chart.again)
}

function showScales(chart, root) {
  const bar = root.querySelector(".live-chart-scales")
  bar.hidden = !chart.reader.scale
  if (!bar.hidden) root.style.setProperty("--live-chart-switch", `${bar.offsetWidth + 14}px`)
  for (const button of bar.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.value === chart.reader.scale))
    button.onclick = () => {
      chart.reader.scale = button.value
      showScales(chart, root)
      draw(chart)
    }
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".live-chart")
  const node = root.querySelector(".live-chart-plot")
  let chart = charts.get(node)
  if (!chart) {
    if (!readers.has(data.name)) readers.set(data.name, { revision: data.revision, zoom: {}, scale: data.scale })
    chart = { node, reader: readers.get(data.name) }
    charts.set(node, chart)
    chart.observer = new ResizeObserver(() => {
      if (node.data && node.clientWidth && node.clientWidth !== node._fullLayout?.width) chart.Plotly?.Plots.resize(node)
      if (node.data && chart.narrow !== node.clientWidth < NARROW) draw(chart)
    })
    chart.observer.observe(root)
    drawWith(chart, ROUTE)
  }
  chart.trigger = setTriggerValue
  follow(chart, data)
  if (!data.scale) chart.reader.scale = undefined
  else chart.reader.scale ??= data.scale
  root.dataset.testid = data.testid
  node.style.height = `${data.height}px`
  node.setAttribute("role", "img")
  node.setAttribute("aria-label", data.label)
  showScales(chart, root)
  draw(chart)
  // Streamlit also calls this for an update that the next one has overtaken. Later, because a pending hover event would
  // meet a purged chart.
  const call = (chart.calls = (chart.calls ?? 0) + 1)
  return () =>
    setTimeout(() => {
      if (chart.calls !== call) return
      chart.observer.disconnect()
      chart.end?.()
      charts.delete(node)
      chart.Plotly?.purge(node)
    }, 500)
}

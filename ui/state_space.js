/* The path of the hidden state in its first two or three principal components. A point is an input step.
 * selection.js and inspect_canvas.js stand above this text. */

const EDGE = { left: 58, right: 16, top: 12, bottom: 40 }
const NEAR = 18 // pixels within which a point is meant

const spaces = new WeakMap() // root -> its state
const turned = new Map() // key -> {dimensions, yaw, pitch}: choices of the reader

/* Points of the path on the canvas, [x, y] each, and the ranges of a plane's axes. */
function placed(space, width, height) {
  const { points } = space.path
  const { dimensions, yaw, pitch } = space.reader
  const inner = [width - EDGE.left - EDGE.right, height - EDGE.top - EDGE.bottom]
  if (dimensions === 3) {
    const center = [0, 1, 2].map((c) => (Math.min(...points.map((p) => p[c])) + Math.max(...points.map((p) => p[c]))) / 2)
    const size = Math.max(...points.map((p) => Math.hypot(...p.map((v, c) => v - center[c])))) || 1
    const zoom = (0.5 * Math.min(...inner)) / size
    const project = (p) => {
      const [x, y, z] = p.map((v, c) => v - center[c])
      const side = x * Math.cos(yaw) + z * Math.sin(yaw)
      const depth = -x * Math.sin(yaw) + z * Math.cos(yaw)
      return [EDGE.left + inner[0] / 2 + zoom * side, EDGE.top + inner[1] / 2 - zoom * (y * Math.cos(pitch) - depth * Math.sin(pitch))]
    }
    return { at: points.map(project), project, center, size }
  }
  const ranges = [0, 1].map((c) => {
    const [low, high] = [Math.min(...points.map((p) => p[c])), Math.max(...points.map((p) => p[c]))]
    const room = 0.06 * (high - low) || 0.5
    return [low - room, high + room]
  })
  const share = (v, [low, high]) => (v - low) / (high - low)
  const project = (p) => [EDGE.left + inner[0] * share(p[0], ranges[0]), EDGE.top + inner[1] * (1 - share(p[1], ranges[1]))]
  return { at: points.map(project), project, ranges }
}

function mix(from, to, share) {
  return `rgb(${from.map((c, i) => Math.round(c + (to[i] - c) * share)).join(",")})`
}

function draw(space) {
  if (!space.data) return
  const colors = theme(space.stage)
  const { context, width, height } = fitted(space.canvas)
  if (width < 120) return
  const layer = clamp(selected().layer ?? 0, 0, space.data.paths.length - 1)
  space.path = space.data.paths[layer]
  const { points, explained } = space.path
  space.dimensions.disabled = points[0].length < 3
  if (points[0].length < 3) space.reader.dimensions = 2
  const scene = (space.scene = placed(space, width, height))
  context.font = `12px ${colors.font}`
  context.lineWidth = 1
  axes(context, colors, scene, width, height, explained, space.reader.dimensions)
  const quiet = rgb(colors.quiet).map((c, i) => c + (colors.background[i] - c) * 0.45)
  const end = rgb(colors.blue)
  context.lineWidth = 1.6
  const last = points.length - 1
  for (let t = 0; t < last; t++) {
    context.strokeStyle = mix(quiet, end, t / Math.max(1, last))
    context.beginPath()
    context.moveTo(...scene.at[t])
    context.lineTo(...scene.at[t + 1])
    context.stroke()
  }
  const { numbers } = space.path
  const labels = space.data.symbols && points.length <= 60
  scene.at.forEach(([x, y], t) => {
    context.fillStyle = mix(quiet, end, t / Math.max(1, last))
    context.beginPath()
    context.arc(x, y, points.length > 400 ? 1.5 : 3, 0, 7)
    context.fill()
    context.fillStyle = colors.quiet
    if (labels) context.fillText(space.data.steps[numbers[t]] === " " ? "␣" : space.data.steps[numbers[t]], x + 6, y - 6)
  })
  ring(context, scene.at[0], colors.ink, "first step")
  ring(context, scene.at[last], colors.blue, "last step")
  const place = numbers.indexOf(selected().step)
  if (place >= 0) {
    const [x, y] = scene.at[place]
    context.fillStyle = colors.orange
    context.beginPath()
    context.arc(x, y, 6, 0, 7)
    context.fill()
  }
  if (space.hover !== null && space.hover <= last) {
    context.strokeStyle = colors.ink
    context.beginPath()
    context.arc(...scene.at[space.hover], 8, 0, 7)
    context.stroke()
  }
  say(space)
  space.root.dataset.at = String(space.data.at)

  function ring(context, [x, y], color, words) {
    context.strokeStyle = color
    context.lineWidth = 1.6
    context.beginPath()
    context.arc(x, y, 5.5, 0, 7)
    context.stroke()
    if (labels) return
    const [left, top] = free(scene.at, [x, y], context.measureText(words).width, width, height)
    context.textBaseline = "top"
    context.strokeStyle = `rgb(${colors.background.join(",")})`
    context.lineWidth = 4
    context.lineJoin = "round"
    context.strokeText(words, left, top)
    context.fillStyle = colors.quiet
    context.fillText(words, left, top)
  }
}

/* Where a text beside a point covers the least of the path: its left upper corner. */
function free(path, [x, y], wide, width, height) {
  const high = 14
  let [best, least] = [null, Infinity]
  for (const [left, top] of [
    [x + 10, y - high / 2], [x - 10 - wide, y - high / 2], [x - wide / 2, y - 10 - high], [x - wide / 2, y + 10],
    [x + 8, y - 6 - high], [x - 8 - wide, y - 6 - high], [x + 8, y + 6], [x - 8 - wide, y + 6],
  ]) {
    if (left < EDGE.left || left + wide > width || top < 0 || top + high > height - EDGE.bottom) continue
    let covered = 0
    for (let t = 0; t + 1 < path.length; t++) {
      const [[x1, y1], [x2, y2]] = [path[t], path[t + 1]]
      const parts = clamp(Math.ceil(Math.hypot(x2 - x1, y2 - y1) / 4), 1, 400)
      for (let k = 0; k <= parts; k++) {
        const [px, py] = [x1 + ((x2 - x1) * k) / parts - left, y1 + ((y2 - y1) * k) / parts - top]
        if (px > -2 && px < wide + 2 && py > -2 && py < high + 2) covered++
      }
    }
    if (covered < least) [best, least] = [[left, top], covered]
  }
  return best ?? [x + 10, y - high / 2]
}

function axes(context, colors, scene, width, height, explained, dimensions) {
  const title = (c) => `component ${c + 1} (${(100 * explained[c]).toFixed(0)}% of the variance)`
  context.strokeStyle = colors.line
  context.fillStyle = colors.quiet
  context.textBaseline = "middle"
  if (dimensions === 3) {
    for (const c of [0, 1, 2]) {
      const from = [...scene.center]
      const to = [...scene.center]
      from[c] -= scene.size
      to[c] += scene.size
      const [a, b] = [scene.project(from), scene.project(to)]
      context.beginPath()
      context.moveTo(...a)
      context.lineTo(...b)
      context.stroke()
      context.textAlign = "center"
      context.fillText(String(c + 1), ...b)
    }
    context.textAlign = "center"
    context.fillText(
      `components 1, 2, 3: ${explained.slice(0, 3).map((e) => `${(100 * e).toFixed(0)}%`).join(", ")} of the variance; drag to turn`,
      width / 2,
      height - 12,
    )
    return
  }
  const [across, up] = scene.ranges
  context.textAlign = "center"
  for (const v of ticks(...across, 6)) context.fillText(formatted(v), scene.project([v, 0])[0], height - EDGE.bottom + 12)
  context.fillText(title(0), (EDGE.left + width - EDGE.right) / 2, height - 9)
  context.textAlign = "right"
  for (const v of ticks(...up, 6)) {
    const y = scene.project([0, v])[1]
    context.fillText(formatted(v), EDGE.left - 8, y)
    context.beginPath()
    context.moveTo(EDGE.left, y)
    context.lineTo(width - EDGE.right, y)
    context.stroke()
  }
  context.save()
  context.translate(10, (EDGE.top + height - EDGE.bottom) / 2)
  context.rotate(-Math.PI / 2)
  context.textAlign = "center"
  context.fillText(title(1), 0, 0)
  context.restore()
  context.textAlign = "left"
}

function nearest(space, event) {
  const frame = space.stage.getBoundingClientRect()
  const [x, y] = [event.clientX - frame.left, event.clientY - frame.top]
  let [best, least] = [null, NEAR]
  space.scene?.at.forEach(([px, py], t) => {
    const far = Math.hypot(px - x, py - y)
    if (far < least) [best, least] = [t, far]
  })
  return best
}

function say(space) {
  const { numbers } = space.path
  const step = space.hover === null ? selected().step : numbers[space.hover]
  if (!numbers.includes(step)) {
    space.readout.textContent = "Click a point to mark its step in every picture."
    return
  }
  const label = space.data.steps[step]
  const place = space.path.points[numbers.indexOf(step)].slice(0, space.reader.dimensions).map(formatted).join(", ")
  space.readout.textContent = `Step ${step + 1}${[String(step + 1), `step ${step + 1}`].includes(label) ? "" : ` (${label === " " ? "space" : label})`}: ${place}`
}

function mount(root, key) {
  if (!turned.has(key)) turned.set(key, { dimensions: 2, yaw: 0.6, pitch: 0.35 })
  const find = (name) => root.querySelector(name)
  const space = {
    root, reader: turned.get(key), hover: null, dimensions: find("select"), readout: find("output"),
    stage: find(".inspect-canvas-stage"), canvas: find("canvas"),
  }
  space.dimensions.value = String(space.reader.dimensions)
  space.dimensions.onchange = () => {
    space.reader.dimensions = Number(space.dimensions.value)
    draw(space)
  }
  space.stage.onpointerdown = (event) => {
    space.drag = { x: event.clientX, y: event.clientY, moved: false }
    space.stage.setPointerCapture(event.pointerId)
  }
  space.stage.onpointermove = (event) => {
    const { drag } = space
    if (drag && space.reader.dimensions === 3 && event.buttons) {
      space.reader.yaw += (event.clientX - drag.x) / 120
      space.reader.pitch = clamp(space.reader.pitch + (event.clientY - drag.y) / 120, -1.5, 1.5)
      space.drag = { x: event.clientX, y: event.clientY, moved: true }
    } else space.hover = nearest(space, event)
    draw(space)
  }
  space.stage.onpointerup = (event) => {
    const place = nearest(space, event)
    if (!space.drag?.moved && place !== null) announce({ source: "state-space", step: space.path.numbers[place] })
    space.drag = null
  }
  space.stage.onpointerleave = () => {
    space.hover = null
    draw(space)
  }
  space.stage.onkeydown = (event) => {
    const { numbers } = space.path
    if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      const place = numbers.indexOf(selected().step) + (event.key === "ArrowRight" ? 1 : -1)
      announce({ source: "state-space", step: numbers[clamp(place, 0, numbers.length - 1)] })
    } else if (event.key === "Escape") announce({ source: "state-space", step: null })
    else if (space.reader.dimensions === 3 && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      space.reader.yaw += event.key === "ArrowUp" ? 0.15 : -0.15
      draw(space)
    } else return
    event.preventDefault()
  }
  space.observer = new ResizeObserver(() => draw(space))
  space.observer.observe(space.stage)
  return space
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".state-space")
  let space = spaces.get(root)
  if (!space) {
    space = mount(root, data.name)
    spaces.set(root, space)
  }
  space.data = data
  root.dataset.testid = data.name
  space.stage.setAttribute("aria-label", data.label)
  const state = `${data.key} ${theme(space.stage).background}`
  const same = space.state === state // a page that is redrawn while a run goes on mostly sends the same path again
  space.state = state
  space.end?.()
  let first = true
  space.end = onSelection(() => {
    if (!first || !same) draw(space)
    first = false
  })
  return () => {
    space.end()
    space.observer.disconnect()
    spaces.delete(root)
  }
}

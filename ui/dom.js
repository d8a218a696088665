/* Nodes, lines and colors of the app's components. This text is put in front of their scripts. */

const SVG = "http://www.w3.org/2000/svg"

function element(name, className, text) {
  const node = document.createElement(name)
  if (className) node.className = className
  if (text !== undefined) node.textContent = text
  return node
}

function shape(name, attributes = {}, text) {
  const node = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
  if (text !== undefined) node.textContent = text
  return node
}

/* The `d` of a path through points [x, y], with a gap at each null. */
function linePath(points) {
  let d = ""
  let down = false
  for (const point of points) {
    if (point) d += `${down ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}`
    down = point !== null
  }
  return d
}

const backgrounds = new Map() // color as the theme writes it -> [red, green, blue]: asking the browser takes a layout

/* The background of the page's theme at a node, as [red, green, blue]. */
function backgroundOf(node) {
  const color = getComputedStyle(node).getPropertyValue("--st-background-color").trim() || "#ffffff"
  if (!backgrounds.has(color)) {
    const probe = element("span")
    probe.style.color = color
    node.append(probe)
    backgrounds.set(color, getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number))
    probe.remove()
  }
  return backgrounds.get(color)
}

function isDark(node) {
  const [red, green, blue] = backgroundOf(node)
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128
}

/* Round numbers from low to high, about `most` of them. */
function ticks(low, high, most) {
  const span = high - low || 1
  const raw = span / Math.max(1, most)
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= raw)
  const found = []
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + 1e-9 * span; v += step) found.push(+v.toPrecision(12))
  return found
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value))

/* The bytes of a base64 text. */
function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
}

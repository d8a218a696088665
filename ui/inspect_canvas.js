/* What the canvases of the Inspect page share: colors of the theme, color tables, numbers from the server.
 * This text is put in front of the scripts of its components, behind dom.js. */

const PALETTE = {
  light: { ink: "#1C1E21", quiet: "#6A6F76", line: "rgba(20,24,30,.10)", blue: "#0072B2", orange: "#D55E00", green: "#009E73" },
  dark: { ink: "#EDEEF0", quiet: "#9BA1A9", line: "rgba(255,255,255,.14)", blue: "#2A93D1", orange: "#E8762B", green: "#00B383" },
}

/* "#0072B2" as [red, green, blue]. */
function rgb(code) {
  return [1, 3, 5].map((i) => parseInt(code.slice(i, i + 2), 16))
}

/* The colors for the theme of a node: roles, and the background as red, green, blue. */
function theme(node) {
  const dark = isDark(node)
  const font = getComputedStyle(node).fontFamily || "sans-serif"
  return { ...PALETTE[dark ? "dark" : "light"], background: backgroundOf(node), dark, font }
}

const tables = new Map()

/* 256 colors as [r, g, b] one after the other: from the background to blue, or from orange over it to blue. */
function colorTable(colors, diverging) {
  const key = `${colors.background}${diverging}`
  if (tables.has(key)) return tables.get(key)
  const table = new Uint8ClampedArray(768)
  const mixed = (end, share) => colors.background.map((c, i) => c + (end[i] - c) * share)
  const [low, high] = [rgb(colors.orange), rgb(colors.blue)]
  for (let i = 0; i < 256; i++) {
    const place = diverging ? (i - 127.5) / 127.5 : i / 255
    table.set(mixed(place < 0 ? low : high, Math.abs(place) ** 0.85), 3 * i)
  }
  tables.set(key, table)
  return table
}

const MISSING = -32768 // stands for a value that is no number

/* Whole numbers of 16 bits from base64: a value is number / 32767 * scale. */
function numbers(text) {
  return new Int16Array(bytesOf(text).buffer)
}

/* The color's place in a table of 256, for a 16-bit number. */
function placeOf(number, diverging) {
  return diverging ? ((number + 32767) * 255) / 65534 : (Math.max(0, number) * 255) / 32767
}

/* Fit a canvas to its box and the screen; gives a context whose unit is a CSS pixel, and the box. */
function fitted(canvas) {
  const width = canvas.clientWidth
  const height = canvas.clientHeight
  const ratio = window.devicePixelRatio || 1
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)]
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h]
  const context = canvas.getContext("2d")
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  return { context, width, height }
}

/* Rows of 16-bit numbers [rows, columns] in the order given, as an image of one pixel a value. */
function image(values, columns, order, table, diverging) {
  const picture = new OffscreenCanvas(columns, order.length)
  const context = picture.getContext("2d")
  const pixels = context.createImageData(columns, order.length)
  const data = pixels.data
  let to = 0
  for (const row of order) {
    const start = row * columns
    for (let t = 0; t < columns; t++, to += 4) {
      const value = values[start + t]
      if (value === MISSING) continue // stays transparent
      const from = 3 * Math.round(placeOf(value, diverging))
      data[to] = table[from]
      data[to + 1] = table[from + 1]
      data[to + 2] = table[from + 2]
      data[to + 3] = 255
    }
  }
  context.putImageData(pixels, 0, 0)
  return picture
}

function formatted(value) {
  if (!Number.isFinite(value)) return "–"
  const size = Math.abs(value)
  const text =
    size !== 0 && (size < 0.001 || size >= 1e5)
      ? value.toExponential(2)
      : value.toLocaleString("en", { maximumFractionDigits: size < 10 ? 3 : size < 100 ? 2 : 1 })
  return text.replaceAll("-", "−") // as in Plotly's charts
}

/* Saves a drawing as one SVG file: colors and fonts are in the file, and so are its title and description. */

const KEPT = [
  "fill", "fill-opacity", "stroke", "stroke-opacity", "stroke-width", "stroke-dasharray", "stroke-linecap", "opacity",
  "font-family", "font-size", "font-weight", "font-style", "text-anchor", "dominant-baseline", "visibility", "display",
]

/* "color(srgb 0.1 0.2 0.3 / 0.5)", which programs that draw SVG do not know, as rgb() or rgba(). */
function plainColor(value) {
  return value.replace(/color\(srgb ([^)]*)\)/g, (_, inner) => {
    const [rgb, alpha] = inner.split("/")
    const parts = rgb.trim().split(/\s+/).map((part) => Math.round(255 * Number(part)))
    return alpha === undefined ? `rgb(${parts.join(", ")})` : `rgba(${parts.join(", ")}, ${alpha.trim()})`
  })
}

function inlined(from, to) {
  const style = getComputedStyle(from)
  for (const name of ["class", "style", "tabindex", "data-go", "role", "aria-pressed"]) to.removeAttribute(name)
  if (!["title", "desc", "g", "defs", "marker"].includes(from.tagName) || style.opacity !== "1") {
    to.setAttribute("style", KEPT.map((name) => `${name}: ${plainColor(style.getPropertyValue(name))}`).join("; "))
  }
  if (style.transform && style.transform !== "none" && from.style?.transform) {
    const { a, b, c, d, e, f } = new DOMMatrix(style.transform)
    to.setAttribute("transform", `matrix(${[a, b, c, d, e, f].join(" ")})`)
  }
  const [inner, outer] = [[...from.children], [...to.children]]
  inner.forEach((child, i) => inlined(child, outer[i]))
}

async function dataUrl(address) {
  const content = await (await fetch(address)).blob()
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(reader.result)
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(content)
  })
}

/* @font-face rules with the fonts of FONTS in them; a font that can't be loaded is left to the reader's machine. */
async function fontRules(families) {
  const rules = await Promise.all(
    FONTS.filter((font) => families.includes(font.family)).map(async (font) => {
      try {
        const url = await dataUrl(font.url)
        return `@font-face { font-family: "${font.family}"; src: url(${url}) format("woff2"); font-style: ${font.style}; font-weight: ${font.weight}; }`
      } catch {
        return ""
      }
    }),
  )
  return rules.join("\n")
}

/* The text of the file. */
async function svgText(svg, { title, description }) {
  const copy = svg.cloneNode(true)
  inlined(svg, copy)
  const { width, height } = svg.viewBox.baseVal
  const paper = getComputedStyle(svg).getPropertyValue("--st-background-color").trim() || "#ffffff"
  const background = shape("rect", { width, height, fill: paper })
  const texts = [["title", title], ["desc", description], ["style", await fontRules(copy.outerHTML)]]
  const parts = texts.map(([tag, text]) => shape(tag, {}, text))
  copy.prepend(...parts, background)
  copy.setAttribute("xmlns", SVG)
  copy.setAttribute("width", width)
  copy.setAttribute("height", height)
  copy.setAttribute("role", "img")
  copy.setAttribute("aria-label", `${title}. ${description}`)
  for (const name of ["aria-describedby", "aria-roledescription"]) copy.removeAttribute(name)
  return new XMLSerializer().serializeToString(copy)
}

async function saveSvg(svg, { title, description, name }) {
  const text = await svgText(svg, { title, description })
  const link = document.createElement("a")
  link.href = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }))
  link.download = `${name}.svg`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

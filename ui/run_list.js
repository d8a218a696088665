/* One row per run. Rows are reused by run id, so that an update does not move the row under the pointer. */

/* A line through the known values; a gap where one is missing. */
function curve(values) {
  const svg = shape("svg", { viewBox: "0 0 100 30", preserveAspectRatio: "none", "aria-hidden": "true" })
  const known = values.filter((v) => v !== null)
  if (known.length < 2) return svg
  const low = Math.min(...known)
  const span = Math.max(...known) - low || 1
  const at = (v, i) => [(100 * i) / (values.length - 1), 28 - (26 * (v - low)) / span]
  svg.append(shape("path", { d: linePath(values.map((v, i) => (v === null ? null : at(v, i)))) }))
  return svg
}

function twoLines(className, first, second, tone) {
  const cell = element("span", className)
  cell.append(element("span", tone, first), element("span", "quiet", second))
  return cell
}

/* The box that chooses a run for a comparison. */
function makeBox() {
  const label = element("label", "pick")
  label.title = "Choose for a comparison"
  const box = element("input")
  box.type = "checkbox"
  label.append(box)
  return label
}

function fill(button, row) {
  const name = element("span", "name")
  name.append(element("b", "", row.title), element("span", "quiet", row.network))
  const status = element("span", `status ${row.tone}${row.hollow ? " hollow" : ""}`)
  status.append(element("span", "dot"), row.status, element("span", "quiet", row.progressText))
  if (row.progress !== null) {
    const bar = element("span", "bar")
    const done = element("i")
    done.style.width = `${100 * row.progress}%`
    bar.append(done)
    status.append(bar)
  }
  const shape = element("span", "curve")
  shape.append(curve(row.curve))
  button.replaceChildren(
    name,
    status,
    shape,
    twoLines("score", row.score, row.metric),
    twoLines("skill", row.skill, row.baseline, row.worse ? "worse" : ""),
    twoLines("time", row.duration, row.ago),
  )
}

/* A tick counts at once: the page may still be drawing what came before it, so what it says about the boxes is taken only
   when it has seen the last tick. All ticked runs are sent each time, so none is lost when two come in one update. */
function makeTicks(list, data, setStateValue) {
  list.ticks ??= { count: data.seen, runs: new Set(data.checked) }
  if (data.seen >= list.ticks.count) list.ticks = { count: data.seen, runs: new Set(data.checked) }
  return (run, checked) => {
    const ticks = list.ticks
    ticks.runs.delete(run)
    if (checked) ticks.runs.add(run)
    ticks.count += 1
    setStateValue("ticks", { count: ticks.count, runs: [...ticks.runs] })
  }
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const list = parentElement.querySelector(".run-list ul")
  const tick = makeTicks(list, data, setStateValue)
  const rows = new Map([...list.children].map((item) => [item.dataset.run, item]))
  const items = data.rows.map((row) => {
    const item = rows.get(row.id) ?? element("li")
    item.dataset.run = row.id
    const text = JSON.stringify(row)
    if (item.dataset.row !== text) {
      item.dataset.row = text
      if (!item.firstChild) item.append(makeBox(), element("button"))
      const button = item.lastChild
      button.type = "button"
      fill(button, row)
      item.firstChild.firstChild.setAttribute("aria-label", `Compare ${row.title}, ${row.network}`)
    }
    const box = item.firstChild.firstChild
    box.checked = list.ticks.runs.has(row.id)
    box.onchange = () => tick(row.id, box.checked)
    item.lastChild.setAttribute("aria-pressed", String(row.id === data.selected))
    item.lastChild.onclick = () => {
      setTriggerValue("clicked", row.id)
      // On a small screen the details are below the list.
      setTimeout(() => {
        const detail = document.querySelector(".st-key-run-detail")
        if (detail && detail.getBoundingClientRect().top > innerHeight - 80) detail.scrollIntoView({ behavior: "smooth" })
      }, 700)
    }
    return item
  })
  if (items.some((item, i) => list.children[i] !== item) || list.children.length !== items.length) {
    const focused = document.activeElement
    list.replaceChildren(...items)
    if (focused && list.contains(focused)) focused.focus({ preventScroll: true })
  }
}

/* The time slider: one position a snapshot, with buttons to step and to play. dom.js stands above this text. */

const PAUSE = 450 // milliseconds between two snapshots that are played, after the page has drawn the first
const LATE = 4000 // after which an answer of the server is no longer awaited

const sliders = new WeakMap() // root -> its state

const whole = (value) => value.toLocaleString("en")

/* Ask for a snapshot: at once, or, while the server is still drawing another, as soon as it has. */
function ask(slider, place) {
  const { data } = slider
  place = clamp(place, 0, data.steps.length - 1)
  slider.place = place
  show(slider)
  if (slider.asked !== null && performance.now() - slider.askedAt < LATE) return
  send(slider)
}

function send(slider) {
  slider.asked = slider.place
  slider.askedAt = performance.now()
  window.sequenceLabAsked = slider.askedAt
  slider.trigger("moved", { step: slider.data.steps[slider.place] })
}

function play(slider, on) {
  slider.playing = on
  clearTimeout(slider.timer)
  slider.root.classList.toggle("playing", on)
  slider.play.setAttribute("aria-label", on ? "Pause" : "Play")
  slider.play.title = on ? "Pause" : "Play all snapshots in order"
  if (!on) return
  const last = slider.data.steps.length - 1
  if (slider.place >= last) ask(slider, 0)
  else slider.timer = setTimeout(() => ask(slider, slider.place + 1), slider.asked === null ? PAUSE : LATE)
}

function show(slider) {
  const { data, place } = slider
  const last = data.steps.length - 1
  slider.input.max = String(last)
  slider.input.value = String(place)
  slider.input.disabled = last < 1
  const log = data.loss[place]
  const loss = log === null ? "" : `training loss ${Number((10 ** log).toPrecision(3))}`
  slider.input.setAttribute("aria-valuetext", [`step ${whole(data.steps[place])}`, data.notes[place], loss].filter(Boolean).join(", "))
  slider.back.disabled = place <= 0
  slider.next.disabled = place >= last
  slider.play.disabled = last < 1
  slider.step.textContent = `Training step ${whole(data.steps[place])}`
  slider.note.textContent = data.notes[place]
  slider.key.textContent = loss
}

function drawTicks(slider) {
  const { data, box } = slider
  const text = `${data.steps} ${data.loss} ${data.changes} ${box.clientWidth}`
  if (slider.ticked === text) return
  slider.ticked = text
  const last = Math.max(1, data.steps.length - 1)
  const spans = []
  let free = -Infinity
  data.steps.forEach((step, i) => {
    const ends = i === data.steps.length - 1
    if (step !== 0 && !Number.isInteger(Math.log10(step)) && !ends) return
    const at = (i / last) * box.clientWidth
    const room = 7 * whole(step).length + 12
    if (at - room / 2 < free) {
      if (!ends) return
      const before = spans.pop()
      if (!before || at - room / 2 < (Number(spans.at(-1)?.dataset.free) || -Infinity)) return before && spans.push(before)
    }
    free = at + room / 2
    const span = element("span", "", whole(step))
    span.style.left = `${(100 * i) / last}%`
    span.dataset.free = free
    spans.push(span)
  })
  for (const i of data.changes) {
    const mark = element("span", "change")
    mark.style.left = `${(100 * i) / last}%`
    spans.push(mark)
  }
  box.replaceChildren(...spans)
  const known = data.loss.filter((v) => v !== null)
  const [low, high] = [Math.min(...known), Math.max(...known)]
  const height = (v) => 34 - (30 * (v - low)) / (high - low || 1)
  slider.loss.setAttribute("viewBox", "0 0 1000 36")
  const d = linePath(data.loss.map((v, i) => (v === null ? null : [(1000 * i) / last, height(v)])))
  slider.loss.replaceChildren(shape("path", { d }))
}

function mount(root) {
  const find = (name) => root.querySelector(name)
  const slider = {
    root, asked: null, askedAt: 0, place: 0, playing: false,
    input: find("input"), back: find(".time-slider-back"), play: find(".time-slider-play"), next: find(".time-slider-next"),
    loss: find("svg"), box: find(".time-slider-ticks"), step: find("b"), note: find(".time-slider-note"), key: find(".time-slider-key"),
  }
  slider.input.oninput = () => {
    play(slider, false)
    ask(slider, Number(slider.input.value))
  }
  slider.back.onclick = () => {
    play(slider, false)
    ask(slider, slider.place - 1)
  }
  slider.next.onclick = () => {
    play(slider, false)
    ask(slider, slider.place + 1)
  }
  slider.play.onclick = () => play(slider, !slider.playing)
  slider.observer = new ResizeObserver(() => slider.data && drawTicks(slider))
  slider.observer.observe(slider.box)
  return slider
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".time-slider")
  let slider = sliders.get(root)
  if (!slider) {
    slider = mount(root)
    sliders.set(root, slider)
  }
  slider.data = data
  slider.trigger = setTriggerValue
  root.dataset.testid = "time-slider"
  const place = Math.max(0, data.steps.indexOf(data.at))
  if (slider.asked === null) slider.place = place
  else if (data.steps[slider.asked] === data.at || performance.now() - slider.askedAt > LATE) {
    slider.asked = null
    if (slider.place !== place && slider.place < data.steps.length) send(slider) // moved on meanwhile
  }
  slider.place = Math.min(slider.place, data.steps.length - 1)
  show(slider)
  drawTicks(slider)
  root.dataset.at = String(data.at)
  if (slider.playing && slider.asked === null) {
    if (slider.place >= data.steps.length - 1) play(slider, false)
    else play(slider, true)
  }
  return () => {
    clearTimeout(slider.timer)
    slider.observer.disconnect()
    sliders.delete(root)
  }
}

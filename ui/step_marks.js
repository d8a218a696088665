/* Marks the selected step in Plotly charts over steps 1, 2, ... of an example, and selects one that is clicked on.
 * The charts of a section: {name: how many of the example's steps come before its first one}.
 * `selection.js` stands above this text. A mark is a line over the chart, so that the chart itself is not redrawn. */

const watchers = new Map() // chart name -> its plot node and what ends watching it

function place(plot, before) {
  const mark = plot.querySelector(":scope > .step-mark")
  const { xaxis, yaxis } = plot._fullLayout ?? {}
  const { step } = selected()
  const at = xaxis && step !== null ? xaxis.l2p(step + 1 - before) : NaN
  mark.hidden = !(at >= 0 && at <= xaxis?._length)
  if (mark.hidden) return
  const top = Math.min(...Object.values(plot._fullLayout._plots).map(({ yaxis }) => yaxis._offset))
  mark.style.left = `${xaxis._offset + at}px`
  mark.style.top = `${top}px`
  mark.style.height = `${yaxis._offset + yaxis._length - top}px`
}

function watch(plot, name, before) {
  const mark = document.createElement("div")
  mark.className = "step-mark"
  mark.style.cssText =
    "position:absolute;width:0;pointer-events:none;border-left:2px solid currentColor;opacity:.55;z-index:2"
  mark.hidden = true
  plot.style.position = "relative"
  plot.append(mark)
  const again = () => place(plot, before)
  const click = ({ points }) => announce({ source: name, step: Math.round(points[0].x) - 1 + before })
  plot.on("plotly_afterplot", again)
  plot.on("plotly_click", click)
  const end = onSelection(again)
  return () => {
    end()
    mark.remove()
    plot.removeListener?.("plotly_afterplot", again)
    plot.removeListener?.("plotly_click", click)
  }
}

function find(charts) {
  for (const [name, before] of Object.entries(charts)) {
    const plot = document.querySelector(`.live-chart[data-testid="${name}"] .live-chart-plot`)
    const known = watchers.get(name)
    if ((known?.plot === plot && known?.before === before) || !plot?.on) continue
    known?.end()
    watchers.set(name, { plot, before, end: watch(plot, name, before) })
  }
}

export default function ({ data }) {
  find(data.charts)
  const timer = setInterval(() => find(data.charts), 300) // charts come later than this component, and anew
  return () => {
    clearInterval(timer)
    for (const name of Object.keys(data.charts)) {
      watchers.get(name)?.end()
      watchers.delete(name)
    }
  }
}

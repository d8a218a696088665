/* The selection that the pictures of a page share: an input step, a layer, a unit, and the name of a state or gate.
 * This text is put in front of the script of each component that takes part. A selection is announced by an event on
 * the window; keys that it leaves out stay as they are, and null clears one. */

const SELECT = "sequence-lab-select"

// Scripts of several components contain this text: the first one keeps the selection for all, also for those to come.
if (!window.sequenceLabSelection) {
  window.sequenceLabSelection = { of: "", step: null, layer: null, unit: null, name: null }
  window.addEventListener(
    SELECT,
    ({ detail }) => {
      for (const key of ["step", "layer", "unit", "name"])
        if (detail?.[key] !== undefined) window.sequenceLabSelection[key] = detail[key]
    },
    true, // before the listeners of components, which read the merged selection
  )
}

/* The selection now: {step, layer, unit, name}, each null where nothing is selected. */
function selected() {
  return window.sequenceLabSelection
}

/* Tell every picture what was selected: {source, step, layer, unit, name}, all but the source optional. */
function announce(detail) {
  window.dispatchEvent(new CustomEvent(SELECT, { detail }))
}

/* Call back now and at every change, with the whole selection and the event's detail; gives a function that ends it. */
function onSelection(callback) {
  const listener = ({ detail }) => callback(selected(), detail ?? {})
  window.addEventListener(SELECT, listener)
  callback(selected(), {})
  return () => window.removeEventListener(SELECT, listener)
}

/* Begin with a selection from the link, once for each run and example (`of`): another one forgets what was selected. */
function beginSelection(of, { step = null, layer = null, unit = null, name = null } = {}) {
  if (window.sequenceLabSelection.of === of) return
  window.sequenceLabSelection.of = of
  announce({ source: "link", step, layer, unit, name })
}

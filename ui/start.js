/* Runs in the page's head, before Streamlit's scripts. ROUTE is defined above this text by frontend.py. */
{
  const address = new URL(`.${ROUTE}`, document.currentScript.src)
  const root = document.documentElement
  const BRIEF = 500 // milliseconds without a change while the page says what it waits for
  const LONG = 3000 // and while it does not
  const SMALLEST = 40 // pixels: a component that is lower has not drawn its content yet
  let changed = performance.now()

  /* Plotly's script runs once the page is connected to the server, while it waits for its first elements. */
  function loadPlotly() {
    const loading = (window.__plotlyLoading ??= {}) // as in live_chart.js
    loading[ROUTE] ??= new Promise((resolve, reject) => {
      const script = document.createElement("script")
      script.src = address
      script.onload = () => resolve(window.Plotly)
      script.onerror = () => reject(new Error("Plotly could not be loaded from this server"))
      document.head.append(script)
    })
  }

  /* The page is hidden (theme.css) until its script has ended or has sent all that can be sent at once, so that nothing
   * moves while it is seen: controls come one after the other, and each of a kind for the first time as a gray bar. If
   * nothing has changed for a while, what there is is shown. */
  function isComplete() {
    const main = document.querySelector("[data-testid=stMain]")
    if (!main?.querySelector("[data-testid=stElementContainer]")) return false
    const waits = main.querySelector("[data-testid=stSpinner]") !== null
    if (performance.now() - changed > (waits ? BRIEF : LONG)) return true
    const ended = document.querySelector(".stApp")?.dataset.testScriptState === "notRunning"
    if ((!ended && !document.querySelector(".sl-sent")) || main.querySelector("[data-testid=stSkeleton]")) return false
    const components = [...main.querySelectorAll("[data-testid^=stBidiComponent]")]
    return components.every((node) => !node.getClientRects().length || node.clientHeight >= SMALLEST)
  }

  const observer = new MutationObserver(() => {
    changed = performance.now()
    if (document.querySelector(".stApp[data-test-connection-state=CONNECTED]")) loadPlotly()
  })

  function look() {
    if (!isComplete()) return requestAnimationFrame(look)
    observer.disconnect()
    loadPlotly()
    root.classList.remove("sl-loading")
  }

  /* Streamlit adds an entry to the history for every change of the parameters. Within a page the entry is replaced, so
   * that Back leaves the page at the first press. */
  const push = history.pushState.bind(history)
  history.pushState = (state, title, url) => {
    const same = new URL(url ?? location.href, location.href).pathname === location.pathname
    if (same) history.replaceState(state, title, url)
    else push(state, title, url)
  }

  root.classList.add("sl-loading")
  observer.observe(document, { subtree: true, childList: true, attributeFilter: ["data-test-connection-state"] })
  look()
}

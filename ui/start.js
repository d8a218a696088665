/* Runs Plotly's script once the page is connected to the server, while it waits for its first elements. ROUTE is
 * defined above this text by frontend.py. */
{
  const address = new URL(`.${ROUTE}`, document.currentScript.src)
  const observer = new MutationObserver(() => {
    if (!document.querySelector(".stApp[data-test-connection-state=CONNECTED]")) return
    observer.disconnect()
    window.__plotlyLoading ??= new Promise((resolve, reject) => {
      const script = document.createElement("script")
      script.src = address
      script.onload = () => resolve(window.Plotly)
      script.onerror = () => reject(new Error("Plotly could not be loaded from this server"))
      document.head.append(script)
    })
  })
  observer.observe(document, {
    subtree: true,
    childList: true,
    attributeFilter: ["data-test-connection-state"],
  })
}

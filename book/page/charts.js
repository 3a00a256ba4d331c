// Recolours finished Plotly charts when the page's theme changes. The build writes the pairs of
// colours of mosa_edu.viz.style, light to dark, before this text.
(() => {
  const darkOf = new Map(Object.entries(globalThis.mosaDark ?? {}));
  const lightOf = new Map([...darkOf].map(([light, dark]) => [dark, light]));
  const isDark = () => document.documentElement.dataset.theme === "dark" && !printing;
  let printing = false;

  // A copy with every colour replaced; numbers and typed arrays are passed through as they are.
  const swap = (value, pairs) => {
    if (typeof value === "string") return pairs.get(value.toLowerCase()) ?? value;
    if (Array.isArray(value)) {
      return typeof value[0] === "number" ? value : value.map((item) => swap(item, pairs));
    }
    if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, swap(item, pairs)]));
  };

  const paint = (chart) => {
    const dark = isDark();
    if ((chart.dataset.mosaTheme ?? "light") === (dark ? "dark" : "light")) return;
    chart.dataset.mosaTheme = dark ? "dark" : "light";
    const pairs = dark ? darkOf : lightOf;
    const frames = chart._transitionData?._frames;
    if (frames) frames.splice(0, frames.length, ...swap(frames, pairs));
    Plotly.react(chart, swap(chart.data, pairs), swap(chart.layout, pairs));
  };

  const paintAll = () => document.querySelectorAll(".js-plotly-plot").forEach(paint);
  paintAll();
  new MutationObserver(paintAll).observe(document.documentElement, {
    attributeFilter: ["data-theme"],
  });
  matchMedia("print").addEventListener("change", (event) => {
    printing = event.matches;
    paintAll();
  });
})();

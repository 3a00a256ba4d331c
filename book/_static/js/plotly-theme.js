// Gives every Plotly chart the text and grid colours of the page's theme, and follows its switch.
(() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const layout = () => {
    const text = colour("--pst-color-text-base");
    const grid = colour("--pst-color-border");
    const surface = colour("--pst-color-surface");
    return { text, grid, surface };
  };

  const paint = (chart) => {
    const { text, grid, surface } = layout();
    const change = {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      "font.color": text,
      "hoverlabel.bgcolor": surface,
      "hoverlabel.font.color": text,
    };
    for (const name of Object.keys(chart._fullLayout ?? {})) {
      if (!/^[xy]axis\d*$/.test(name)) continue;
      change[`${name}.gridcolor`] = grid;
      change[`${name}.zerolinecolor`] = grid;
      change[`${name}.linecolor`] = grid;
    }
    (chart.layout?.updatemenus ?? []).forEach((_, i) => {
      change[`updatemenus[${i}].bgcolor`] = surface;
      change[`updatemenus[${i}].bordercolor`] = grid;
      change[`updatemenus[${i}].font.color`] = text;
    });
    (chart.layout?.sliders ?? []).forEach((_, i) => {
      change[`sliders[${i}].bgcolor`] = surface;
      change[`sliders[${i}].bordercolor`] = grid;
      change[`sliders[${i}].font.color`] = text;
    });
    return Plotly.relayout(chart, change);
  };

  const paintAll = () => document.querySelectorAll(".js-plotly-plot").forEach(paint);

  paintAll();
  new MutationObserver(paintAll).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["data-theme"],
  });
})();

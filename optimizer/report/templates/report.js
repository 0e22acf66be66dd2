"use strict";
(function () {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const narrowWidth = 640;
  const config = { responsive: false, displaylogo: false, showTips: false,
    modeBarButtons: [["zoomIn2d", "zoomOut2d", "resetScale2d"]] };

  // Set "xaxis.nticks" style keys inside a copy of the layout.
  function withLayout(layout, changes) {
    const copy = JSON.parse(JSON.stringify(layout));
    for (const [path, value] of Object.entries(changes || {})) {
      const parts = path.split(".");
      let at = copy;
      for (const part of parts.slice(0, -1)) { at = at[part] = at[part] || {}; }
      at[parts[parts.length - 1]] = value;
    }
    return copy;
  }

  function draw(element) {
    const figure = figures[element.dataset.figure];
    const box = element.parentElement;
    const narrow = window.innerWidth <= narrowWidth;
    const view = (narrow ? figure.narrow : figure.wide) || {};
    const hidden = new Set(view.hide || []);
    const data = figure.data.map((trace, i) => Object.assign({}, trace, hidden.has(i) ? { visible: false } : {}));
    const layout = withLayout(figure.layout, narrow ? (figure.narrow || {}).layout : {});
    layout.width = Math.max(box.clientWidth, figure.least_width || 0);
    layout.autosize = false;
    if (narrow) { layout.dragmode = false; }
    element.style.height = layout.height + "px";
    const isBar = figure.data.length && figure.data[0].type !== "scatter";
    return Plotly.react(element, data, layout, Object.assign({}, config, { displayModeBar: isBar ? false : "hover" }));
  }

  document.querySelectorAll("td[data-value]").forEach((td) => { td.title = td.dataset.value; });
  const plots = Array.from(document.querySelectorAll(".plot[data-figure]"));
  function drawAll() { return Promise.all(plots.map(draw)); }
  let lastWidth = window.innerWidth;
  let timer = 0;
  window.addEventListener("resize", function () {
    if (window.innerWidth === lastWidth) { return; }
    lastWidth = window.innerWidth;
    clearTimeout(timer);
    timer = setTimeout(drawAll, 150);
  });
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach((d) => { d.open = true; });
  });
  drawAll().then(function () { document.documentElement.dataset.ready = "1"; });
})();

"use strict";
(() => {
  const page = /^articles\/[a-z0-9_-]+\.html$/;
  const config = {
    displaylogo: false,
    showSendToCloud: false, // plotly 7 offers by default to upload the figure
    plotlyServerURL: "",
    responsive: true,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "toggleSpikelines"],
  };

  function pageOf(event) {
    const data = event.points.length ? event.points[0].customdata : "";
    const last = Array.isArray(data) ? data[data.length - 1] : data;
    return typeof last === "string" && page.test(last) ? last : "";
  }

  function unpool(trace) {
    const data = trace.customdata;
    if (data && data.pool) trace.customdata = data.rows.map((row) => row.map((index) => data.pool[index]));
  }

  function narrow(layout) {
    layout.margin = { ...layout.margin, l: 48, r: 16 }; // no room for the buttons: see draw
    layout.font = { ...layout.font, size: 12 };
    for (const name of Object.keys(layout).filter((key) => key.startsWith("xaxis"))) {
      const { dtick, ...axis } = layout[name];
      layout[name] = { ...axis, nticks: 4, tickangle: 0 };
    }
  }

  function point(holder, shape) {
    for (const layer of holder.querySelectorAll(".draglayer .drag")) layer.style.cursor = shape;
  }

  async function draw(holder) {
    const { data, layout } = JSON.parse(document.getElementById(holder.dataset.figure).textContent);
    data.forEach(unpool);
    if (matchMedia("(pointer: coarse)").matches) layout.dragmode = false; // a finger scrolls the page
    const small = holder.clientWidth < 560;
    if (small) narrow(layout);
    holder.textContent = "";
    await Plotly.newPlot(holder, data, layout, small ? { ...config, displayModeBar: false } : config);
    holder.on("plotly_click", (event) => {
      const href = pageOf(event);
      if (href) location.href = href;
    });
    holder.on("plotly_hover", (event) => point(holder, pageOf(event) ? "pointer" : ""));
    holder.on("plotly_unhover", () => point(holder, ""));
    holder.dataset.drawn = "yes";
  }

  const holders = [...document.querySelectorAll("[data-figure]")];
  for (const holder of holders) {
    draw(holder).catch((error) => {
      holder.textContent = "This figure could not be drawn; its numbers stand below.";
      console.error(error);
    });
  }
  const drawn = () => holders.filter((holder) => holder.dataset.drawn);
  addEventListener("beforeprint", () => drawn().forEach((holder) => Plotly.relayout(holder, { width: 640 })));
  addEventListener("afterprint", () =>
    drawn().forEach((holder) => Plotly.relayout(holder, { width: null, autosize: true })),
  );
})();

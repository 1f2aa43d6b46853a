// Draws the table of days or hours; the table itself stays for who wants the numbers.
(() => {
  const place = document.getElementById("chart");
  const table = document.getElementById("periods");
  if (!place || !table) {
    return;
  }
  const heads = [...table.tHead.rows[0].cells].map(cell => cell.textContent);
  const rows = [...table.tBodies[0].rows].map(row => [...row.cells].map((cell, i) => (i ? Number(cell.dataset.value) : cell.textContent)));
  const colour = getComputedStyle(document.body).color;
  const [calls, charge, groups] = [1, 4, 5];
  const column = i => rows.map(row => row[i]);
  const bars = Number(table.dataset.groups) ? heads.slice(groups).map((_, i) => groups + i) : [charge];
  place.hidden = false;
  const chart = Charts.init(place, null, { renderer: "canvas" });
  chart.setOption({
    aria: { enabled: true },
    animation: false,
    textStyle: { color: colour },
    tooltip: { trigger: "axis", renderMode: "richText" },
    legend: { top: 0, type: "scroll", textStyle: { color: colour }, pageTextStyle: { color: colour } },
    grid: { top: 48, left: 8, right: 8, bottom: 8, containLabel: true },
    xAxis: { type: "category", data: column(0), axisLabel: { color: colour } },
    yAxis: [
      { type: "value", axisLabel: { color: colour, formatter: "${value}" }, splitLine: { lineStyle: { opacity: 0.2 } }, splitNumber: 4 },
      { type: "value", axisLabel: { color: colour }, splitLine: { show: false }, minInterval: 1 },
    ],
    series: [
      ...bars.map(i => ({ type: "bar", stack: "charge", barMaxWidth: 48, name: heads[i], data: column(i) })),
      { type: "line", name: heads[calls], yAxisIndex: 1, symbol: rows.length > 60 ? "none" : "circle", data: column(calls) },
    ],
  });
  addEventListener("resize", () => chart.resize());
})();

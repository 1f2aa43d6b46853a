// Draws the days' table; the table itself stays for who wants the numbers.
(() => {
  const place = document.getElementById("chart");
  const table = document.getElementById("days");
  if (!place || !table) {
    return;
  }
  const heads = [...table.tHead.rows[0].cells].map(cell => cell.textContent);
  const rows = [...table.tBodies[0].rows].map(row => [...row.cells].map((cell, i) => (i ? Number(cell.dataset.value) : cell.textContent)));
  const colour = getComputedStyle(document.body).color;
  place.hidden = false;
  const chart = Charts.init(place, null, { renderer: "canvas" });
  chart.setOption({
    aria: { enabled: true },
    animation: false,
    textStyle: { color: colour },
    tooltip: { trigger: "axis", renderMode: "richText" },
    legend: { top: 0, textStyle: { color: colour } },
    grid: { top: 48, left: 8, right: 8, bottom: 8, containLabel: true },
    xAxis: { type: "category", data: rows.map(row => row[0]), axisLabel: { color: colour } },
    yAxis: [
      { type: "value", axisLabel: { color: colour, formatter: "${value}" }, splitNumber: 4 },
      { type: "value", axisLabel: { color: colour }, splitLine: { show: false }, minInterval: 1 },
    ],
    series: [
      { type: "bar", barMaxWidth: 48, name: heads[3], data: rows.map(row => row[3]) },
      { type: "line", name: heads[1], yAxisIndex: 1, data: rows.map(row => row[1]) },
    ],
  });
  addEventListener("resize", () => chart.resize());
})();

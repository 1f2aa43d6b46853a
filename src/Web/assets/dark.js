// Writes what Tabler says of the dark theme once more, for visitors who chose none and whose system is dark: no script has to run before
// the first paint.
import { readFileSync, writeFileSync } from "node:fs";

const [from, to] = process.argv.slice(2);
const css = readFileSync(from, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
const rules = [];
let depth = 0, start = 0, selector = "";
for (let i = 0; i < css.length; i++) {
  if (css[i] === "{" && depth++ === 0) {
    selector = css.slice(start, i).split(";").pop();
    start = i;
  } else if (css[i] === "}" && --depth === 0) {
    const dark = selector.split(",").map(one => one.trim()).filter(one => /^(:root)?\[data-bs-theme=dark\]/.test(one));
    if (dark.length > 0) {
      rules.push(dark.map(one => one.replace(/^(:root)?\[data-bs-theme=dark\]/, ":root:not([data-bs-theme])")).join(",") + css.slice(start, i + 1));
    }
    start = i + 1;
  }
}
writeFileSync(to, `@media (prefers-color-scheme:dark){${rules.join("")}}\n`);

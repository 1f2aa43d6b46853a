// What pages do better with a script; each of them works without.
(() => {
  const root = document.documentElement;

  for (const link of document.querySelectorAll("[data-theme-link]")) {
    // The link was made for who had chosen nothing and sees light.
    if (!root.dataset.bsTheme && matchMedia("(prefers-color-scheme: dark)").matches) {
      link.href = link.href.replace("/theme/dark", "/theme/light");
    }
  }

  for (const block of document.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm copy";
    button.textContent = block.dataset.copy;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(block.querySelector("code, input").textContent || block.querySelector("input").value);
      button.textContent = "✓";
      setTimeout(() => { button.textContent = block.dataset.copy; }, 1500);
    });
    block.append(button);
  }

  document.querySelector("[aria-invalid=true]")?.focus();

  document.addEventListener("keydown", event => {
    const search = document.querySelector("[type=search]");
    if (event.key === "/" && search && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      search.focus();
    }
  });
})();

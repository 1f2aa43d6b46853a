// Passkeys need a script: their forms are shown to browsers that can use them.
(() => {
  if (!window.PublicKeyCredential?.parseCreationOptionsFromJSON) {
    return;
  }
  for (const form of document.querySelectorAll("[data-passkey]")) {
    const isNew = form.dataset.passkey === "create";
    form.closest("[hidden]")?.removeAttribute("hidden");
    form.addEventListener("submit", async event => {
      const field = form.elements.Credential;
      if (field.value) {
        return;
      }
      event.preventDefault();
      const problem = form.querySelector("[data-problem]");
      problem.hidden = true;
      try {
        const answer = await fetch(isNew ? "/passkey/create" : "/passkey/request", { method: "POST", body: new URLSearchParams(new FormData(form)) });
        if (!answer.ok) {
          throw new Error(answer.status);
        }
        const options = await answer.json();
        const credential = isNew
          ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
          : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
        field.value = JSON.stringify(credential);
        form.requestSubmit();
      } catch {
        // Whoever called it off, or has none for this site, stays on the page.
        problem.hidden = false;
      }
    });
  }
})();

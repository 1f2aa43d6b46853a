// Shows the answer while it comes. Without a script the form is sent and the page comes with the whole answer.
(() => {
  const form = document.getElementById("playground");
  const [answer, cost, problem, curlCard, stop] = ["answer", "cost", "problem", "curl-card", "stop"].map(id => document.getElementById(id));
  const send = form.querySelector("[type=submit]");

  const show = {
    curl: text => { curlCard.querySelector("code").textContent = text; curlCard.hidden = false; },
    text: text => { answer.textContent += text; },
    cost: text => { cost.textContent = text; },
    problem: text => { problem.textContent = text; problem.hidden = false; cost.textContent = ""; },
  };

  function take(event) {
    const name = /^event: ?(.*)$/m.exec(event)?.[1];
    const data = /^data: ?(.*)$/m.exec(event)?.[1];
    if (data && show[name]) {
      show[name](JSON.parse(data));
    }
  }

  form.addEventListener("submit", async event => {
    event.preventDefault();
    const abort = new AbortController();
    stop.onclick = () => abort.abort();
    answer.textContent = "";
    problem.hidden = true;
    cost.textContent = cost.dataset.waiting;
    send.disabled = true;
    stop.hidden = false;
    try {
      const reply = await fetch("/console/playground/stream", { method: "POST", body: new FormData(form), signal: abort.signal });
      if (!reply.headers.get("content-type")?.startsWith("text/event-stream")) {
        if (reply.redirected) {
          location.reload(); // The session is over: the page asks to sign in.
        } else {
          show.problem(cost.dataset.refused);
        }
        return;
      }
      let rest = "";
      const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part; !(part = await reader.read()).done;) {
        const events = (rest + part.value).split("\n\n");
        rest = events.pop();
        events.forEach(take);
      }
    } catch (error) {
      if (error.name === "AbortError") {
        cost.textContent = cost.dataset.stopped;
      } else {
        show.problem(cost.dataset.failed);
      }
    } finally {
      send.disabled = false;
      stop.hidden = true;
    }
  });

  form.addEventListener("keydown", event => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      form.requestSubmit();
    }
  });
})();

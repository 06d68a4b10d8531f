function step(each) {
  const item = within(made("li", "", each.stuck ? "stuck" : ""));
  if (each.title) item.append(within(made("strong", each.title)), " ");
  item.append(made("span", each.text), made("blockquote", `Rests on: “${each.quote}”`));
  return item;
}

const counted = (count, one, many) => `${count} ${count === 1 ? one : many}`;

function article(text) {
  const box = made("article"), status = made("p");
  status.setAttribute("role", "status");
  const until = text.until.slice(0, 16).replace("T", " ");
  const people = `${counted(text.people, "person", "people")} of ${counted(text.accounts, "account", "accounts")}`;
  box.append(
    made("h2", text.subject),
    made("p", `${text.feature} · ${people} · decide until ${until} UTC · ${text.whose_words}`, "quiet"),
    made("p", text.intro), within(made("ol"), ...text.steps.map(step)),
  );
  if (text.not_mailed.length) box.append(made("p", `Not mailed: ${text.not_mailed.join("; ")}.`, "quiet"));
  if (known.canCall) box.append(buttons(text, status));
  box.append(status);
  return box;
}

// A yes takes two clicks: mails to people follow from it. The second button says to how many.
function buttons(text, status) {
  const yes = made("button", "Approve", "yes"), no = made("button", "Reject"), row = made("div", "", "decide");
  yes.onclick = () => {
    if (yes.dataset.sure) {
      decide(text, "approve", row, status);
      return;
    }
    yes.dataset.sure = "true";
    yes.textContent = `Yes, mail ${counted(text.people, "person", "people")}`;
    status.textContent = "Click again to approve exactly this text for exactly these people.";
  };
  no.onclick = () => decide(text, "reject", row, status);
  return within(row, yes, no);
}

async function decide(text, decision, row, status) {
  for (const button of row.children) button.disabled = true;
  status.textContent = "Deciding.";
  try {
    const result = await call("decide_review", { review: text.review, decision, proof: text.proof });
    const words = (result.content || []).filter((block) => block.type === "text").map((block) => block.text).join(" ");
    status.textContent = result.isError ? words : result.structuredContent.summary;
    row.remove();
  } catch (error) {
    status.textContent = error.message;
    for (const button of row.children) button.disabled = false;
  }
}

function show(result) {
  const page = pageOf(result);
  if (!page) return;
  if (!page.waiting.length) say(`${result.structuredContent.summary} Nothing waits for a yes.`);
  else if (!known.canCall) say("This chat client lets no page call a tool: decide with `handrail tutorials approve`.");
  at("content").replaceChildren(...page.waiting.map(article));
}

start();

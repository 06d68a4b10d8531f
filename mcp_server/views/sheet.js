const SVG = "http://www.w3.org/2000/svg";
const SHAPES = new Set(["svg", "title", "desc", "rect", "circle", "path", "text"]);
const ATTRIBUTES = new Set(["viewBox", "role", "aria-label", "class", "x", "y", "width", "height", "rx", "cx", "cy", "r", "d", "text-anchor"]);
const PERIODS = {
  last_7_days: "Last 7 days", last_30_days: "Last 30 days", last_90_days: "Last 90 days", this_month: "This month",
  last_month: "Last month", this_quarter: "This quarter", last_quarter: "Last quarter",
};

// The drawing comes finished from the server. Only shapes and text are taken over from it, node by node.
function copied(node) {
  const copy = document.createElementNS(SVG, node.localName);
  for (const each of node.attributes) if (ATTRIBUTES.has(each.name)) copy.setAttribute(each.name, each.value);
  for (const child of node.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) copy.append(child.data);
    else if (SHAPES.has(child.localName)) copy.append(copied(child));
  }
  return copy;
}
function drawn(text, style) {
  const root = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  return within(made("div", "", style), ...(root.localName === "svg" ? [copied(root)] : []));
}

function table(chart) {
  const cell = (tag, words, scope) => {
    const node = made(tag, words);
    if (scope) node.scope = scope;
    return node;
  };
  const head = within(made("tr"), ...chart.columns.map((name) => cell("th", name, "col")));
  const rows = chart.rows.map((row) => within(made("tr"), cell("th", row[0], "row"), ...row.slice(1).map((value) => cell("td", value))));
  const whole = within(made("table"), within(made("thead"), head), within(made("tbody"), ...rows));
  whole.setAttribute("aria-label", chart.title);
  const scroll = within(made("div", "", "scroll"), whole);
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", `${chart.title}, table`);
  return within(made("details"), made("summary", "Table"), scroll);
}

// Days and sample are said once where all charts have those of the page.
function section(chart, page) {
  return within(
    made("section"), made("h2", chart.title), ...(chart.about === page.about ? [] : [made("p", chart.about, "quiet")]),
    drawn(chart.wide, "wide"), drawn(chart.narrow, "narrow"), table(chart),
  );
}

function figures(list) {
  return within(made("dl", "", "figures"), ...list.map((each) => within(
    made("div"), made("dt", each.name), within(made("dd", each.value), ...(each.note ? [made("small", each.note)] : [])),
  )));
}

function controls() {
  const form = at("controls"), choice = made("select");
  choice.setAttribute("aria-label", "Period");
  const own = known.arguments.from_date || known.arguments.to_date;
  if (own) choice.append(new Option("Own dates", "", true, true));
  for (const [name, words] of Object.entries(PERIODS)) choice.append(new Option(words, name));
  if (!own) choice.value = known.arguments.period || "last_30_days";
  choice.onchange = () => choice.value && ask(choice.value);
  form.replaceChildren(choice);
  form.hidden = !known.canCall || !known.arguments.account;
}

async function ask(period) {
  const given = { ...known.arguments, period };
  for (const name of ["from_date", "to_date", "output"]) delete given[name];
  at("content").setAttribute("aria-busy", "true");
  say("Counting.");
  try {
    const result = await call(document.body.dataset.tool, given);
    known.arguments = given;
    show(result);
  } catch (error) {
    say(error.message);
  }
  at("content").setAttribute("aria-busy", "false");
}

function show(result) {
  const page = pageOf(result);
  controls();
  if (!page) {
    at("content").replaceChildren();
    return;
  }
  const empty = page.charts.length ? [] : [made("p", (result.structuredContent || {}).summary || "")];
  at("content").replaceChildren(...caveats(result), ...(page.figures.length ? [figures(page.figures)] : []), ...empty, ...page.charts.map((chart) => section(chart, page)));
}

start();

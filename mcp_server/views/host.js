"use strict";
// MCP Apps, protocol 2026-01-26: JSON-RPC over postMessage with the host that shows this page.
const host = window.parent, waiting = new Map();
const known = { arguments: {}, canCall: false };
let next = 1;

const post = (message) => host.postMessage({ jsonrpc: "2.0", ...message }, "*");
const notify = (method, params = {}) => post({ method, params });
const request = (method, params = {}) => new Promise((done, failed) => {
  const id = next++;
  waiting.set(id, { done, failed });
  post({ id, method, params });
});
const call = (name, given) => request("tools/call", { name, arguments: given });

const heard = {
  "ui/notifications/tool-input": (params) => { known.arguments = params.arguments || {}; },
  "ui/notifications/tool-result": (result) => show(result),
  "ui/notifications/tool-cancelled": () => say("The question was cancelled."),
  "ui/notifications/host-context-changed": (context) => dress(context),
  "ui/resource-teardown": () => ({}),
  "ping": () => ({}),
};

window.addEventListener("message", async (event) => {
  const message = event.data;
  if (event.source !== host || !message || message.jsonrpc !== "2.0") return;
  if (message.method) {
    const answer = heard[message.method];
    const result = answer && await answer(message.params || {});
    if (message.id === undefined) return;
    post(answer ? { id: message.id, result: result || {} } : { id: message.id, error: { code: -32601, message: "Method not found" } });
  } else if (waiting.has(message.id)) {
    const { done, failed } = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error) failed(new Error(message.error.message)); else done(message.result);
  }
});

function dress(context) {
  if (context.theme === "light" || context.theme === "dark") document.documentElement.style.colorScheme = context.theme;
  for (const [name, value] of Object.entries((context.styles || {}).variables || {})) {
    if (name.startsWith("--") && value) document.documentElement.style.setProperty(name, value);
  }
}

// Text only ever becomes text: names in an answer are written by anybody.
function made(tag, words = "", style = "") {
  const node = document.createElement(tag);
  if (words !== "") node.textContent = words;
  if (style) node.className = style;
  return node;
}
function within(node, ...children) {
  node.append(...children);
  return node;
}
const at = (id) => document.getElementById(id);
const say = (words) => { at("state").textContent = words; };

// What the page is to show, or null after saying what the answer says in words.
function pageOf(result) {
  const told = (result.content || []).filter((block) => block.type === "text").map((block) => block.text).join(" ");
  const answer = result.structuredContent || {};
  const page = (result._meta || {})["handrail/view"];
  say(result.isError ? told : page ? "" : answer.summary || told);
  if (result.isError || !page) return null;
  at("title").textContent = page.title;
  at("about").textContent = page.about + (answer.as_of ? `; as of ${String(answer.as_of).slice(0, 16).replace("T", " ")} UTC` : "");
  return page;
}
const caveats = (result) => ((result.structuredContent || {}).caveats || []).map((words) => made("p", words, "caveat"));

// The content's own height: `scrollHeight` would never be less than the frame's.
new ResizeObserver(() => {
  const { width, height } = document.documentElement.getBoundingClientRect();
  notify("ui/notifications/size-changed", { width: Math.ceil(width), height: Math.ceil(height) });
}).observe(document.documentElement);

function start() {
  request("ui/initialize", {
    protocolVersion: "2026-01-26",
    appInfo: { name: `handrail-${document.body.dataset.tool}`, version: "1" },
    appCapabilities: { availableDisplayModes: ["inline"] },
  }).then((result) => {
    known.canCall = Boolean((result.hostCapabilities || {}).serverTools);
    dress(result.hostContext || {});
    notify("ui/notifications/initialized");
  }, () => say("The chat client did not answer."));
}

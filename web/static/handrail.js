// Keys for those who would rather not use a mouse: "/" to the search, j and k through a table's rows.
// Every page works without this script. It asks for nothing and keeps nothing.
"use strict";

const typing = (node) => node.closest("input, select, textarea, [contenteditable]");

function step(by) {
  const links = [...document.querySelectorAll("[data-rows] tbody tr")].map((row) => row.querySelector("a")).filter(Boolean);
  if (!links.length) return;
  const now = links.indexOf(document.activeElement);
  const next = now < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, now + by));
  links[next].focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (event.key === "/") {
    const search = document.querySelector("input[type=search]");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  }
  if (event.key === "j") step(1);
  if (event.key === "k") step(-1);
});

// A choice that is one form's only purpose is sent when it is made.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-at-once]");
  if (form) form.requestSubmit();
});

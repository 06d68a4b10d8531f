// Counts the seconds this page is in view, and tells them once, when it is left. Nothing else is told or kept.
"use strict";

const MOST_SECONDS = 30 * 60;
let seen = 0;
let since = null;
let told = false;

function look() {
  const now = performance.now();
  if (since !== null) seen += now - since;
  since = document.visibilityState === "visible" ? now : null;
}

function tell() {
  look();
  if (told) return;
  told = true;
  const seconds = Math.min(Math.round(seen / 1000), MOST_SECONDS);
  navigator.sendBeacon(`${location.pathname}/read`, new URLSearchParams({ seconds }));
}

look();
document.addEventListener("visibilitychange", look);
window.addEventListener("pagehide", tell);

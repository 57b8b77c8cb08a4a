// Keeps the page up to date. Each element with data-live has children with ids; only those that changed are replaced.
"use strict";
let tag = "";
let isAsking = false;
const TOGETHER = 3000; // milliseconds in which a picture and its text arrive
let asked = ""; // the chat in which the reader wrote or pressed last
let isShown = false; // true once the page has been compared with the server's

function follow(old, fresh) {
  const wanted = new Set();
  let after = null;
  let first = null;
  for (const made of fresh.children) {
    wanted.add(made.id);
    const known = document.getElementById(made.id);
    let kept = known;
    if (!known) {
      kept = document.importNode(made, true);
      kept.classList.add("new");
      kept.arrivedAt = Date.now();
      first ||= kept;
    } else if (known.dataset.was !== made.outerHTML && plain(known) !== made.outerHTML) {
      kept = document.importNode(made, true);
      known.replaceWith(kept);
    }
    kept.dataset.was = made.outerHTML;
    if (after ? after.nextElementSibling !== kept : old.firstElementChild !== kept) {
      old.insertBefore(kept, after ? after.nextElementSibling : old.firstElementChild);
    }
    after = kept;
  }
  for (const child of [...old.children]) {
    if (!wanted.has(child.id)) child.remove();
  }
  if (first) show(first);
}

// Shows new messages from the beginning of the first, unless the reader is busy in that chat.
function show(message) {
  const log = message.closest(".scroll");
  const pane = log?.closest(".pane");
  if (!log || !isShown || (pane?.matches(":hover, :focus-within") && pane.id !== asked)) return;
  let first = message;
  while (Date.now() - first.previousElementSibling?.arrivedAt < TOGETHER) first = first.previousElementSibling;
  log.scrollTop = 0; // the end, because the log is drawn from the bottom
  if (pane?.id === "operator") return; // its buttons are at the end
  log.scrollTop += Math.min(0, first.getBoundingClientRect().top - log.getBoundingClientRect().top - 8);
}

function plain(element) {
  const copy = element.cloneNode(true);
  copy.removeAttribute("data-was");
  return copy.outerHTML;
}

async function look() {
  if (isAsking) return;
  isAsking = true;
  try {
    const answer = await fetch("/", { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
    if (answer.status !== 200) return;
    tag = answer.headers.get("ETag") || "";
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const fresh of page.querySelectorAll("[data-live]")) follow(document.getElementById(fresh.id), fresh);
    isShown = true;
    for (const fresh of page.querySelectorAll(".pane")) document.getElementById(fresh.id).className = fresh.className;
  } catch {
    const banner = document.getElementById("banner");
    banner.textContent = "The demonstration has ended.";
    clearInterval(timer);
  } finally {
    isAsking = false;
  }
}

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  for (const box of form.querySelectorAll("input[name=text]")) box.value = "";
  for (const button of form.querySelectorAll(".key")) button.classList.add("pressed");
  asked = form.closest(".pane").id;
  await fetch(form.action, { method: "POST", body: fields, redirect: "manual" });
  look();
  setTimeout(look, 300);
});

const timer = setInterval(look, 1000);

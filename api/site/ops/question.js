// Asking before something is done that cannot be taken back, and for the reason that is kept with it.

import { el } from "./dom.js";

const MAX_REASON = 500;

/** Resolves to null if it is called off, else to the reason, or to "" where none is asked for. */
export function question({ title, text, action, reason = false, grave = false }) {
  const field = el("input", { id: "reason", required: true, maxlength: MAX_REASON, autocomplete: "off" });
  const form = el(
    "form",
    { method: "dialog" },
    el("h2", { id: "question-title" }, title),
    el("p", { id: "question-text" }, text),
    reason ? el("p", {}, el("label", { for: "reason" }, "Reason, which is kept with it"), field) : null,
    el(
      "p",
      { class: "choices" },
      el("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
      el("button", { type: "submit", value: "yes", class: grave ? "grave" : "first" }, action),
    ),
  );
  const dialog = el("dialog", { "aria-labelledby": "question-title", "aria-describedby": "question-text" }, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes" ? field.value.trim() : null);
    });
  });
}

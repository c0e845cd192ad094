// A button that has the service do something: once at a time, and what came of it is said.

import { el } from "./dom.js";
import { say } from "./said.js";

/** `act()` resolves to what is to be said, or to null if it was called off. */
export function action(name, label, act, kind = "") {
  const button = el("button", { type: "button", class: kind, "aria-label": `${name} ${label}` }, name);
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true"); // not disabled: that would drop the focus
    try {
      const done = await act();
      if (done !== null) say(done);
    } catch (error) {
      say(`${name} ${label}: ${error.message}`);
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
  return button;
}

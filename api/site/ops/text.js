// Text that is only touched when it changes: what somebody selects or has read out stays as it is.

export function write(element, text) {
  const string = String(text);
  if (element.textContent !== string) element.textContent = string;
}

/** An id, which a narrow place may break after its separators and nowhere else. */
export function identity(id) {
  return id.split(/(?<=[-_.:|@+/])/).flatMap((part, index) => (index ? [document.createElement("wbr"), part] : [part]));
}

export function rename(element, id) {
  if (element.textContent !== id) element.replaceChildren(...identity(id));
}

export function mark(element, name, on) {
  element.classList.toggle(name, Boolean(on));
}

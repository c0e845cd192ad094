// Text that is only touched when it changes: what somebody selects or has read out stays as it is.

export function write(element, text) {
  const string = String(text);
  if (element.textContent !== string) element.textContent = string;
}

export function mark(element, name, on) {
  element.classList.toggle(name, Boolean(on));
}

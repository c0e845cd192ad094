// Run as the body of a function in the page; returns what is wrong with it, a line each.

const wrong = [];
const seen = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest("[aria-hidden=true]");
const all = (css) => [...document.querySelectorAll(css)].filter(seen);
const say = (element) => element.outerHTML.slice(0, 120);
const textOf = (ids) => (ids ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ");
const nameOf = (element) =>
  [
    textOf(element.getAttribute("aria-labelledby")),
    element.getAttribute("aria-label"),
    ...[...(element.labels ?? [])].map((label) => label.textContent),
    element.getAttribute("alt"),
    /^(INPUT|PROGRESS|DIALOG|SECTION|NAV|svg)$/.test(element.tagName) ? "" : element.textContent,
  ].join(" ").trim();

for (const element of all("a, button, input, select, textarea, summary, progress, dialog, section, nav, [role=img], [role=region]")) {
  if (!nameOf(element)) wrong.push(`no name: ${say(element)}`);
}
for (const image of all("img")) if (!image.hasAttribute("alt")) wrong.push(`no alt: ${say(image)}`);

let level = 0;
for (const heading of all("h1, h2, h3, h4, h5, h6")) {
  const found = Number(heading.tagName[1]);
  if (found > level + 1) wrong.push(`h${found} after h${level}: ${say(heading)}`);
  level = found;
}
for (const [css, wanted] of [["h1", 1], ["main", 1], ["body > header", 1]]) {
  if (all(css).length !== wanted) wrong.push(`${all(css).length} of ${css}`);
}
if (!document.documentElement.lang || !document.title) wrong.push("no language, or no title");

for (const table of all("table")) {
  if (!table.caption?.textContent) wrong.push(`no caption: ${say(table)}`);
  for (const row of table.tBodies[0].rows) {
    if (!row.querySelector("th[scope=row]")) wrong.push(`no header: ${say(row)}`);
    if (row.cells.length !== table.tHead.rows[0].cells.length) wrong.push(`not as wide as its table: ${say(row)}`);
  }
}

const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index))) wrong.push(`twice: #${id}`);
for (const attribute of ["for", "aria-labelledby", "aria-describedby"]) {
  for (const element of all(`[${attribute}]`)) {
    for (const id of element.getAttribute(attribute).split(" ")) {
      if (!document.getElementById(id)) wrong.push(`${attribute}=${id} is nowhere`);
    }
  }
}

const channels = (colour) => {
  const found = colour.match(/^rgba?\(([\d.]+), ([\d.]+), ([\d.]+)(?:, ([\d.]+))?\)$/);
  if (!found) wrong.push(`a colour that this cannot read: ${colour}`);
  const [red, green, blue, alpha] = (found ?? []).slice(1).map((part) => (part === undefined ? 1 : Number(part)));
  return { red, green, blue, alpha };
};
const over = (top, below) =>
  Object.fromEntries(["red", "green", "blue"].map((part) => [part, top[part] * top.alpha + below[part] * (1 - top.alpha)]));
const behind = (element) => {
  if (!element) return { red: 255, green: 255, blue: 255 };
  const own = channels(getComputedStyle(element).backgroundColor);
  return own.alpha === 1 ? own : over(own, behind(element.parentElement));
};
const luminance = ({ red, green, blue }) => {
  const [r, g, b] = [red, green, blue].map((value) => {
    const part = value / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
for (const element of all("body *")) {
  const written = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
  if (!written || element.closest("noscript") || element.closest(".unseen, .skip:not(:focus)")) continue;
  const style = getComputedStyle(element);
  const ground = behind(element);
  const [high, low] = [luminance(over(channels(style.color), ground)), luminance(ground)].sort((a, b) => b - a);
  const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
  const ratio = (high + 0.05) / (low + 0.05);
  if (ratio < (large ? 3 : 4.5)) wrong.push(`contrast of ${ratio.toFixed(2)}: ${say(element)}`);
}

for (const element of all("button, input, summary")) {
  const { width, height } = element.getBoundingClientRect();
  if (width < 24 || height < 24) wrong.push(`${Math.round(width)} by ${Math.round(height)}: ${say(element)}`);
}
return wrong;

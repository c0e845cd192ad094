// The bearer token: in this tab's session storage and nowhere else.

const KEY = "twofold-token";

/** What this tab has, or "". */
export function kept() {
  return sessionStorage.getItem(KEY) ?? "";
}

export function keep(token) {
  sessionStorage.setItem(KEY, token);
}

export function forget() {
  sessionStorage.removeItem(KEY);
}

export function authorization() {
  const token = kept();
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** What a token says of its bearer, or null; whether it is good, only the service says. */
export function claimsOf(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return null;
  }
}

function bearer(token) {
  const claims = claimsOf(token);
  if (claims) return `This one is for ${claims.role} ${claims.sub}, until ${new Date(claims.exp * 1000).toLocaleString()}.`;
  return token ? "This cannot be read as a token." : "";
}

export function setUpToken() {
  const input = document.getElementById("token");
  const who = document.getElementById("who");
  const changed = (token) => {
    if (token) keep(token);
    else forget();
    who.textContent = bearer(token);
  };
  input.value = kept();
  who.textContent = bearer(input.value);
  input.addEventListener("input", () => changed(input.value.trim().replace(/^bearer\s+/i, "")));
  document.getElementById("authorization").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("forget").addEventListener("click", () => {
    input.value = "";
    changed("");
    input.focus();
  });
}

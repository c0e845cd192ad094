// The bearer token: in this tab's session storage and nowhere else.

const KEY = "twofold-token";

export function authorization() {
  const token = sessionStorage.getItem(KEY);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** Whom a token is for, as far as can be read; whether it is good, only the service says. */
function bearer(token) {
  try {
    const claims = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    return `This one is for ${claims.role} ${claims.sub}, until ${new Date(claims.exp * 1000).toLocaleString()}.`;
  } catch {
    return token ? "This cannot be read as a token." : "";
  }
}

export function setUpToken() {
  const input = document.getElementById("token");
  const who = document.getElementById("who");
  const keep = (token) => {
    if (token) sessionStorage.setItem(KEY, token);
    else sessionStorage.removeItem(KEY);
    who.textContent = bearer(token);
  };
  input.value = sessionStorage.getItem(KEY) ?? "";
  who.textContent = bearer(input.value);
  input.addEventListener("input", () => keep(input.value.trim().replace(/^bearer\s+/i, "")));
  document.getElementById("authorization").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("forget").addEventListener("click", () => {
    input.value = "";
    keep("");
    input.focus();
  });
}

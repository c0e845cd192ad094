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

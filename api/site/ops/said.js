// What became of what somebody did: at the bottom of the page, read out once.

const box = document.getElementById("said");
const saying = document.getElementById("saying");

export function say(text) {
  saying.textContent = text;
  box.classList.add("speaking");
}

document.getElementById("heard").addEventListener("click", () => {
  saying.textContent = "";
  box.classList.remove("speaking");
});

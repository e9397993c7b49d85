"use strict";
// Draws the page anew when /statusz has something new; the server renders it, in one place.
const told = document.getElementById("told");
let seen = document.querySelector("main").dataset.at;
async function poll() {
  try {
    const status = await (await fetch("/statusz", {cache: "no-store"})).json();
    if (status.at !== seen) {
      const text = await (await fetch(location.href, {cache: "no-store"})).text();
      // The rest holds a style with another nonce, which the policy of this page would refuse.
      const part = text.slice(text.indexOf("<main"), text.indexOf("</main>"));
      const fresh = new DOMParser().parseFromString(part, "text/html").querySelector("main");
      document.querySelector("main").replaceWith(fresh);
      seen = fresh.dataset.at;
    }
    told.hidden = true;
  } catch {
    told.hidden = false;
  }
}
setInterval(poll, 5000);

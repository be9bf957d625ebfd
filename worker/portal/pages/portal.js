// Copy buttons beside account, KID and amount. Without this file everything else on the page works.
"use strict";

(function () {
  const list = document.querySelector("[data-copy-word]");
  const said = document.getElementById("copied");
  if (!list || !said) return;
  const words = list.dataset;

  function selected(element) {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }

  // Where the clipboard is closed to pages (no TLS, an old browser) the text stands selected, ready for the keyboard.
  async function copied(element) {
    try {
      await navigator.clipboard.writeText(element.dataset.copy);
      return true;
    } catch {
      selected(element);
      return false;
    }
  }

  function button(element) {
    const made = document.createElement("button");
    const word = document.createElement("span");
    const name = document.createElement("span");
    let back = 0;
    made.type = "button";
    made.className = "copy";
    word.textContent = words.copyWord;
    name.textContent = " " + element.dataset.name;
    name.className = "unseen";
    made.append(word, name);
    made.addEventListener("click", async function () {
      if (!(await copied(element))) return;
      word.textContent = words.copiedWord;
      said.textContent = element.dataset.name + " " + words.isCopied;
      window.clearTimeout(back);
      back = window.setTimeout(function () {
        word.textContent = words.copyWord;
        said.textContent = "";
      }, 3000);
    });
    return made;
  }

  for (const element of list.querySelectorAll("[data-copy]")) element.after(button(element));
})();

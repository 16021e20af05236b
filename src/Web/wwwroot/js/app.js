// What the browser alone can do for the dashboard: dialogs, shortcuts, menus, the clipboard.
(() => {
  "use strict";

  const isTyping = (target) =>
    target instanceof Element && target.closest("input, select, textarea, [contenteditable], .xterm") !== null;

  // Shortcuts are declared where they act: <a data-shortcut="g v">, <button data-shortcut="?">, <input data-shortcut="/">.
  let prefix = "";
  let prefixTimer = 0;

  const activate = (keys) => {
    const scope = document.querySelector("dialog[open]") ?? document;
    const element = [...scope.querySelectorAll("[data-shortcut]")].find(
      (candidate) => candidate.dataset.shortcut === keys && !candidate.disabled,
    );
    if (!element) return false;
    if (element.matches("input, select, textarea")) element.focus();
    else element.click();
    return true;
  };

  document.addEventListener("keydown", (event) => {
    // Enter in a field with a button of its own is that button's and not the form's: <input data-enter="button-id">.
    const button = event.key === "Enter" && event.target instanceof HTMLElement && event.target.dataset.enter;
    if (button) {
      event.preventDefault();
      document.getElementById(button)?.click();
      return;
    }

    if (event.key === "Escape") {
      const open = document.querySelector("[data-escape]");
      if (open && !document.querySelector("dialog[open]")) open.click();
      return;
    }

    if (event.ctrlKey || event.metaKey || event.altKey || event.key.length !== 1 || isTyping(event.target)) return;
    clearTimeout(prefixTimer);
    const keys = prefix ? `${prefix} ${event.key}` : event.key;
    prefix = "";
    if (activate(keys)) {
      event.preventDefault();
    } else if (event.key === "g") {
      prefix = "g";
      prefixTimer = setTimeout(() => (prefix = ""), 1200);
    }
  });

  // A tab list is one stop for the Tab key; the arrows move inside it (WAI-ARIA tabs pattern).
  document.addEventListener("keydown", (event) => {
    const tab = event.target instanceof Element ? event.target.closest("[role=tab]") : null;
    if (!tab) return;
    const tabs = [...tab.closest("[role=tablist]").querySelectorAll("[role=tab]")];
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const next =
      event.key === "Home" ? tabs[0]
      : event.key === "End" ? tabs.at(-1)
      : step ? tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length]
      : null;
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.click();
  });

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll(".menu [data-escape]")) {
      if (!menu.closest(".menu").contains(event.target)) menu.click();
    }
  });

  window.cloudvm = {
    openDialog(dialog) {
      if (!dialog || dialog.open) return;
      dialog.showModal();
      // A click on the backdrop is a click on the dialog element itself, outside its box.
      dialog.onclick = (event) => {
        if (event.target !== dialog || dialog.dataset.light !== "true") return;
        const box = dialog.getBoundingClientRect();
        const inside =
          event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
        if (!inside) dialog.close();
      };
      const first =
        dialog.querySelector(".dialog-body :is(input, select, textarea):not(:disabled)") ??
        dialog.querySelector("[autofocus]") ??
        dialog.querySelector("button");
      first?.focus();
    },
    closeDialog(dialog) {
      if (dialog?.open) dialog.close();
    },
    async copy(text) {
      try {
        await navigator.clipboard.writeText(text);
        return true;
      } catch {
        return false;
      }
    },
    focus(selector) {
      document.querySelector(selector)?.focus();
    },
    timeZone: () => Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
})();

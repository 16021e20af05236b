// Runs before the first paint, so that a page never flashes in the wrong colours.
(() => {
  "use strict";

  const key = "cloudvm.theme";
  const systemDark = matchMedia("(prefers-color-scheme: dark)");

  const stored = () => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // Storage may be forbidden; the system's preference is then all there is.
    }
  };

  const apply = () => {
    const theme = stored() ?? (systemDark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = theme;
    dispatchEvent(new CustomEvent("cloudvm:theme", { detail: theme }));
    return theme;
  };

  systemDark.addEventListener("change", apply);
  addEventListener("storage", (event) => event.key === key && apply());

  window.cloudvmTheme = {
    current: () => document.documentElement.dataset.theme,
    toggle() {
      const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
      try {
        localStorage.setItem(key, next);
      } catch {
        document.documentElement.dataset.theme = next;
        return next;
      }

      return apply();
    },
  };

  apply();
})();

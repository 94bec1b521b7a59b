// Before the first paint, when the appearance follows the device: the attribute that style and components read.
(function (root, dark) {
  function follow() { if (root.dataset.theme === "auto") root.dataset.bsTheme = dark.matches ? "dark" : "light"; }
  follow();
  dark.addEventListener("change", follow);
})(document.documentElement, matchMedia("(prefers-color-scheme: dark)"));
